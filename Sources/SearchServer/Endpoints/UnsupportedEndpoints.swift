import HTTPTypes

/// Endpoints of Qdrant's API that this version does not have. They are named in the answer, so that a client's user
/// learns more than from an unknown path.
extension Endpoints {
    static let unsupported: [Endpoint] = [
        refused(.post, "/collections/{name}/points/search/groups", "search in groups"),
        refused(.post, "/collections/{name}/points/query/groups", "a query in groups"),
        refused(.post, "/collections/{name}/points/recommend", "`recommend`"),
        refused(.post, "/collections/{name}/points/recommend/batch", "`recommend`"),
        refused(.post, "/collections/{name}/points/recommend/groups", "`recommend`"),
        refused(.post, "/collections/{name}/points/discover", "`discover`"),
        refused(.post, "/collections/{name}/points/discover/batch", "`discover`"),
        refused(.post, "/collections/{name}/facet", "`facet`"),
        refused(.post, "/collections/{name}/points/search/matrix/pairs", "the distance matrix"),
        refused(.post, "/collections/{name}/points/search/matrix/offsets", "the distance matrix"),
        refused(.put, "/collections/{name}/vectors/{vector}", "adding a vector name to a collection"),
        refused(.delete, "/collections/{name}/vectors/{vector}", "removing a vector name from a collection"),
        refused(.get, "/collections/{name}/optimizations", "the list of optimizations"),
        refused(.get, "/collections/{name}/shards", "custom sharding"),
        refused(.put, "/collections/{name}/shards", "custom sharding"),
        refused(.post, "/collections/{name}/shards/delete", "custom sharding"),
        refused(.get, "/collections/{name}/shards/{shard}/snapshot", "a shard's snapshot"),
        refused(.post, "/collections/{name}/shards/{shard}/snapshots/upload", "a shard's snapshot"),
        refused(.put, "/collections/{name}/shards/{shard}/snapshots/recover", "a shard's snapshot"),
        refused(.get, "/collections/{name}/shards/{shard}/snapshots", "a shard's snapshot"),
        refused(.post, "/collections/{name}/shards/{shard}/snapshots", "a shard's snapshot"),
        refused(.get, "/collections/{name}/shards/{shard}/snapshots/{snapshot}", "a shard's snapshot"),
        refused(.delete, "/collections/{name}/shards/{shard}/snapshots/{snapshot}", "a shard's snapshot"),
        refused(.get, "/quotas", "quotas"),
        refused(.put, "/quotas", "quotas"),
        standalone(.get, "/cluster/telemetry"),
        standalone(.post, "/cluster/recover"),
        standalone(.delete, "/cluster/peer/{peer}"),
        standalone(.post, "/collections/{name}/cluster"),
    ]

    private static func refused(_ method: HTTPRequest.Method, _ path: String, _ what: String) -> Endpoint {
        Endpoint(
            method: method, path: path, access: .read, body: .none,
            work: .asynchronous { _ in throw APIError.unsupported(what) })
    }

    /// Operations on a cluster's members.
    private static func standalone(_ method: HTTPRequest.Method, _ path: String) -> Endpoint {
        Endpoint(
            method: method, path: path, access: .read, body: .none,
            work: .asynchronous { _ in throw APIError(.methodNotAllowed, "Qdrant is running in standalone mode") })
    }
}
