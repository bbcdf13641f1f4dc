/// The connections that one thread serves.
struct ConnectionGroup {
    let connections: [HTTPConnection]
    /// Of several connections. A single one is waited for in the read itself: that is one system call less, and a faster
    /// awakening.
    private let queue: ReadinessQueue?

    init(_ endpoint: HTTPEndpoint, count: Int) throws {
        connections = try (0..<count).map { _ in try HTTPConnection(endpoint) }
        queue = count == 1 ? nil : try ReadinessQueue()
        for (place, connection) in connections.enumerated() {
            try queue?.add(connection.descriptor, number: place)
        }
    }

    /// Waits for answers, and calls `body` with each and its connection's place.
    func takeAnswers(_ body: (Int, HTTPAnswer) throws -> Void) throws {
        guard let queue else { return try body(0, connections[0].awaitAnswer()) }
        try queue.wait { place in
            if let answer = try connections[place].receive() { try body(place, answer) }
        }
    }
}
