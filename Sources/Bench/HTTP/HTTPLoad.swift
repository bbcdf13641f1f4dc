import Foundation
import JSON
import Synchronization

/// Many connections that ask one question after another for a while.
enum HTTPLoad {
    struct Result: Sendable {
        var connections: Int
        var queriesPerSecond: Double
        var latencies: Latencies
        /// The first answer to each query, by query, for the judge.
        var ids: [Int64]

        func json(recall: Double) -> JSONValue {
            [
                "connections": JSONValue(connections), "recall": .double(rounded(recall, 6)),
                "qps": .double(rounded(queriesPerSecond, 1)),
                "p50Microseconds": .double(rounded(latencies.microseconds(0.5), 1)),
                "p95Microseconds": .double(rounded(latencies.microseconds(0.95), 1)),
                "p99Microseconds": .double(rounded(latencies.microseconds(0.99), 1)),
            ]
        }
    }

    /// `requests[q]` is the whole request of query q. Runs for `seconds` and at least until each query was asked once;
    /// a first tenth of that time is warm-up and not counted. Throws for any answer but 200.
    static func run(
        _ endpoint: HTTPEndpoint, requests: [[UInt8]], k: Int, connections: Int, seconds: Double
    ) throws -> Result {
        allowOpenFiles()
        let counter = NextQuery()
        let parts = Gathered<[UInt64]>()
        let answers = Gathered<(query: Int, body: [UInt8])>()
        let start = nowNanoseconds()
        let counted = start + UInt64(seconds * 0.1e9)
        let deadline = start + UInt64(seconds * 1.1e9)
        let ends = Gathered<UInt64>()
        try onThreads(connections) { _ in
            let connection = try HTTPConnection(endpoint)
            var durations: [UInt64] = []
            while true {
                let number = counter.take()
                let before = nowNanoseconds()
                if before >= deadline && number >= requests.count { break }
                let query = number % requests.count
                let response = try connection.send(requests[query])
                let after = nowNanoseconds()
                guard response.status == 200 else {
                    throw BenchError(
                        "search: status \(response.status): \(String(decoding: response.body.prefix(300), as: UTF8.self))"
                    )
                }
                if before >= counted { durations.append(after - before) }
                if number < requests.count { answers.append((query, response.body)) }
            }
            parts.append(durations)
            ends.append(nowNanoseconds())
        }
        let all = parts.elements.flatMap { $0 }
        let end = ends.elements.max() ?? deadline
        var ids = [Int64](repeating: -1, count: requests.count * k)
        for answer in answers.elements {
            let found = try resultIDs(answer.body)
            for (place, id) in found.prefix(k).enumerated() { ids[answer.query * k + place] = id }
        }
        return Result(
            connections: connections, queriesPerSecond: Double(all.count) / (Double(end - counted) / 1e9),
            latencies: Latencies(all), ids: ids)
    }

    /// Raises the number of files and connections that may be open to what the system allows.
    private static func allowOpenFiles() {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(resource, &limit)
    }

    /// The ids of a search's answer, in either form of the API.
    private static func resultIDs(_ body: [UInt8]) throws -> [Int64] {
        let result = try JSONValue(parsing: body)["result"]
        guard let points = result?["points"]?.arrayValue ?? result?.arrayValue else {
            throw BenchError("search: unexpected answer \(String(decoding: body.prefix(200), as: UTF8.self))")
        }
        return points.compactMap { $0["id"]?.integerValue }
    }
}

/// Deals out numbers to threads.
final class NextQuery: Sendable {
    private let next = Atomic<Int>(0)
    func take() -> Int { next.wrappingAdd(1, ordering: .relaxed).oldValue }
}
