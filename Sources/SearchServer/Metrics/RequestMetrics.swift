import NIOHTTP1
import Synchronization

/// Counts and durations of responses, by endpoint and status code.
final class RequestMetrics: Sendable {
    struct Statistics: Sendable {
        var count = 0
        var total = Duration.zero
        var least = Duration.seconds(1 << 30)
        var most = Duration.zero
        /// Responses at most as slow as the bound of the same number; the last has no bound.
        var buckets = [Int](repeating: 0, count: RequestMetrics.bucketBounds.count + 1)
    }

    /// In seconds.
    static let bucketBounds: [Double] = [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

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
        let seconds = duration.seconds
        let bucket = Self.bucketBounds.firstIndex { seconds <= $0 } ?? Self.bucketBounds.count
        let slot =
            endpoint.map { slots[$0] } ?? unmatched[Self.methods.firstIndex(of: method) ?? Self.methods.count]
        slot.statistics.withLock { statistics in
            statistics[status, default: Statistics()].add(duration, bucket)
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
        count += other.count
        total += other.total
        least = min(least, other.least)
        most = max(most, other.most)
        for place in buckets.indices { buckets[place] += other.buckets[place] }
    }

    fileprivate mutating func add(_ duration: Duration, _ bucket: Int) {
        count += 1
        total += duration
        least = min(least, duration)
        most = max(most, duration)
        buckets[bucket] += 1
    }
}
