import NIOHTTP1
import Services
import Synchronization

/// Counts and durations of responses, by endpoint and status code.
final class RequestMetrics: Sendable {
    struct Statistics: Sendable {
        private(set) var durations = DurationHistogram(bounds: [
            0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
        ])
        private(set) var least = Duration.seconds(1 << 30)
        private(set) var most = Duration.zero

        var count: Int { durations.count }
        var total: Duration { durations.total }
    }

    private final class Slot: Sendable {
        let statistics = Mutex<[Int: Statistics]>([:])
    }

    struct Entry: Sendable {
        var method: String
        var path: String
        var status: Int
        var statistics: Statistics
    }

    private let endpoints: [(method: String, path: String)]
    private let slots: [Slot]
    /// Requests that no endpoint is for: a slot for each of ``methods``, the last for all others. What clients make up is no label.
    private let unmatched: [Slot]
    private static let methods: [HTTPMethod] = [.GET, .HEAD, .POST, .PUT, .PATCH, .DELETE, .OPTIONS]

    init(endpoints: [Endpoint]) {
        self.endpoints = endpoints.map { ($0.method.rawValue, $0.path) }
        slots = endpoints.map { _ in Slot() }
        unmatched = (0...Self.methods.count).map { _ in Slot() }
    }

    /// - Parameters:
    ///   - endpoint: `nil` where there is none.
    ///   - method: of the request.
    func record(_ endpoint: Int?, _ method: HTTPMethod, status: Int, duration: Duration) {
        let slot =
            endpoint.map { slots[$0] } ?? unmatched[Self.methods.firstIndex(of: method) ?? Self.methods.count]
        slot.statistics.withLock { statistics in
            statistics[status, default: Statistics()].add(duration)
        }
    }

    /// What has been recorded so far, in the order of the endpoints.
    func entries() -> [Entry] { Self.entries(endpoints, slots) }

    /// The same of requests that no endpoint is for.
    func unmatchedEntries() -> [Entry] {
        let names = Self.methods.map(\.rawValue) + ["OTHER"]
        return Self.entries(names.map { ($0, "unmatched") }, unmatched)
    }

    private static func entries(_ names: [(method: String, path: String)], _ slots: [Slot]) -> [Entry] {
        zip(names, slots).flatMap { name, slot in
            slot.statistics.withLock { $0 }.sorted { $0.key < $1.key }.map { status, statistics in
                Entry(method: name.method, path: name.path, status: status, statistics: statistics)
            }
        }
    }
}

extension RequestMetrics.Statistics {
    /// Takes in what others have counted.
    mutating func add(_ other: Self) {
        durations.add(other.durations)
        least = min(least, other.least)
        most = max(most, other.most)
    }

    fileprivate mutating func add(_ duration: Duration) {
        durations.add(duration)
        least = min(least, duration)
        most = max(most, duration)
    }
}
