import Synchronization

/// How many connections there may be at once. Each holds a file descriptor, of which the process has so many.
///
/// Some connections more are accepted and told why they are refused; past these the server accepts none until others end.
final class ConnectionLimit: Sendable {
    /// Connections beyond `most` that are accepted in order to be refused.
    static let mostRefused = 32
    /// Descriptors for the database's connections (2 for each of its 17, and for each thread that reads payloads), vector
    /// files that are being written to, snapshots, event loops and outgoing connections.
    private static let reservedFiles = 128

    /// Connections that are answered at once.
    let most: Int
    private let opened = Atomic(0)
    private let refused = Atomic(0)

    /// - Parameters:
    ///   - asked: as configured; `nil` for as many as the process may have files.
    ///   - files: descriptors that the process may have; `nil` if that isn't known.
    init(asked: Int?, files: Int?) {
        let possible = files.map { max($0 - Self.reservedFiles - Self.mostRefused, 1) } ?? .max - Self.mostRefused
        most = min(asked ?? possible, possible)
    }

    var openConnections: Int { opened.load(ordering: .relaxed) }
    var refusedConnections: Int { refused.load(ordering: .relaxed) }

    /// Counts a connection. Returns whether it is answered.
    func open() -> Bool {
        if opened.wrappingAdd(1, ordering: .relaxed).newValue <= most { return true }
        refused.wrappingAdd(1, ordering: .relaxed)
        return false
    }

    func close() { opened.wrappingSubtract(1, ordering: .relaxed) }
}
