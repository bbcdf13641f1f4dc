import NIOHTTP1
import Services

/// Endpoints of Qdrant's API that this version does not have. They are named in the answer, so that a client's user
/// learns more than from an unknown path.
extension Endpoints {
    static let unsupported: [Endpoint] = [
        refused(.POST, "/collections/{name}/points/search/groups", "search in groups"),
        refused(.POST, "/collections/{name}/points/query/groups", "a query in groups"),
        refused(.POST, "/collections/{name}/points/recommend", "`recommend`"),
        refused(.POST, "/collections/{name}/points/recommend/batch", "`recommend`"),
        refused(.POST, "/collections/{name}/points/recommend/groups", "`recommend`"),
        refused(.POST, "/collections/{name}/points/discover", "`discover`"),
        refused(.POST, "/collections/{name}/points/discover/batch", "`discover`"),
        refused(.POST, "/collections/{name}/facet", "`facet`"),
        refused(.POST, "/collections/{name}/points/search/matrix/pairs", "the distance matrix"),
        refused(.POST, "/collections/{name}/points/search/matrix/offsets", "the distance matrix"),
        refused(.GET, "/collections/{name}/optimizations", "the list of optimizations"),
        refused(.GET, "/collections/{name}/shards", "custom sharding"),
        refused(.PUT, "/collections/{name}/shards", "custom sharding"),
        refused(.POST, "/collections/{name}/shards/delete", "custom sharding"),
        refused(.GET, "/collections/{name}/shards/{shard}/snapshot", "a shard's snapshot"),
        refused(.POST, "/collections/{name}/shards/{shard}/snapshots/upload", "a shard's snapshot"),
        refused(.PUT, "/collections/{name}/shards/{shard}/snapshots/recover", "a shard's snapshot"),
        refused(.GET, "/collections/{name}/shards/{shard}/snapshots", "a shard's snapshot"),
        refused(.POST, "/collections/{name}/shards/{shard}/snapshots", "a shard's snapshot"),
        refused(.GET, "/collections/{name}/shards/{shard}/snapshots/{snapshot}", "a shard's snapshot"),
        refused(.DELETE, "/collections/{name}/shards/{shard}/snapshots/{snapshot}", "a shard's snapshot"),
        refused(.GET, "/quotas", "quotas"),
        refused(.PUT, "/quotas", "quotas"),
        standalone(.GET, "/cluster/telemetry"),
        standalone(.POST, "/cluster/recover"),
        standalone(.DELETE, "/cluster/peer/{peer}"),
        standalone(.POST, "/collections/{name}/cluster"),
    ]

    private static func refused(_ method: HTTPMethod, _ path: String, _ what: String) -> Endpoint {
        Endpoint(
            method: method, path: path, requirement: .read, body: .none,
            work: .immediate { _ in throw ServiceError.unsupported(what) })
    }

    /// Operations on a cluster's members.
    private static func standalone(_ method: HTTPMethod, _ path: String) -> Endpoint {
        Endpoint(
            method: method, path: path, requirement: .read, body: .none,
            work: .immediate { _ in throw APIError(.methodNotAllowed, "Qdrant is running in standalone mode") })
    }
}
