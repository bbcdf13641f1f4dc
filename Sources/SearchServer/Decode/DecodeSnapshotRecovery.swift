import JSON

/// `PUT /collections/{c}/snapshots/recover`
struct SnapshotRecovery: Sendable {
    /// `file:///path` or `http(s)://…`
    var location: String
    /// SHA-256 in hex.
    var checksum: String?
    /// Sent to the location's server as `api-key`.
    var apiKey: String?
}

extension ObjectFields {
    func snapshotRecovery() throws -> SnapshotRecovery {
        guard let location = try string("location") else { throw missing("location") }
        let priorities = ["no_sync", "snapshot", "replica"]
        if let priority = try string("priority"), !priorities.contains(priority) {
            throw unknownVariant("priority", priority, priorities)
        }
        return SnapshotRecovery(
            location: location, checksum: try string("checksum"), apiKey: try string("api_key"))
    }
}
