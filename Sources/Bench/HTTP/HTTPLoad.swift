import Foundation
import JSON
import Synchronization

/// Many connections that ask one question after another for a while.
enum HTTPLoad {
    struct Result: Sendable {
        var connections: Int
        var queriesPerSecond: Double
        var latencies: Latencies
        /// Of the server, if it is ours.
        var server: CPUUse?
        var client: CPUUse
        /// The first answer to each query, by query, for the judge.
        var ids: [Int64]

        func json(recall: Double) -> JSONValue {
            var json: JSONValue = [
                "connections": JSONValue(connections), "recall": .double(rounded(recall, 6)),
                "qps": .double(rounded(queriesPerSecond, 1)),
                "p50Microseconds": .double(rounded(latencies.microseconds(0.5), 1)),
                "p95Microseconds": .double(rounded(latencies.microseconds(0.95), 1)),
                "p99Microseconds": .double(rounded(latencies.microseconds(0.99), 1)),
                "clientCPUMicroseconds": .double(rounded(client.microseconds, 2)),
                "clientShare": .double(rounded(client.share, 4)),
            ]
            if let server {
                json["serverCPUMicroseconds"] = .double(rounded(server.microseconds, 2))
                json["serverShare"] = .double(rounded(server.share, 4))
            }
            return json
        }
    }

    /// CPU time of all threads of a process.
    struct CPUUse: Sendable {
        /// A request.
        var microseconds: Double
        /// Of the time of all cores.
        var share: Double

        init(nanoseconds: UInt64, requests: Int, seconds: Double) {
            microseconds = Double(nanoseconds) / 1e3 / Double(max(1, requests))
            share = Double(nanoseconds) / 1e9 / seconds / Double(ProcessInfo.processInfo.processorCount)
        }
    }

    /// `requests[q]` is the whole request of query q. Runs for `seconds` and at least until each query was asked once;
    /// a first tenth of that time is warm-up and not counted. Throws for any answer but 200.
    ///
    /// A thread serves many connections, so that the client has as few wake-ups as may be and the cores are left to the
    /// server: one thread on up to four cores.
    static func run(
        _ endpoint: HTTPEndpoint, requests: [[UInt8]], k: Int, connections: Int, seconds: Double, server: Int32?
    ) throws -> Result {
        let threads = min(connections, max(1, ProcessInfo.processInfo.activeProcessorCount / 4))
        let counter = NextQuery()
        let parts = Gathered<Part>()
        let cpu = Gathered<(server: UInt64?, client: UInt64)>()
        let start = nowNanoseconds()
        let times = (counted: start + UInt64(seconds * 0.1e9), deadline: start + UInt64(seconds * 1.1e9))
        let noteCPU: @Sendable () throws -> Void = {
            let used: UInt64? = if let server { try ProcessCPU.nanoseconds(processID: server) } else { nil }
            cpu.append((used, try ProcessCPU.nanoseconds(processID: getpid())))
        }
        try onThreads(threads) { thread in
            let own = (connections - thread + threads - 1) / threads
            parts.append(
                try Part(
                    endpoint, requests, counter, connections: own, times: times,
                    atCounted: { if thread == 0 { try noteCPU() } }))
        }
        let end = nowNanoseconds()
        try noteCPU()
        let count = parts.elements.reduce(0) { $0 + $1.count }
        var ids = [Int64](repeating: -1, count: requests.count * k)
        for answer in parts.elements.flatMap(\.answers) {
            let found = try resultIDs(answer.body)
            for (place, id) in found.prefix(k).enumerated() { ids[answer.query * k + place] = id }
        }
        let (before, after) = (cpu.elements[0], cpu.elements[1])
        let countedSeconds = Double(end - times.counted) / 1e9
        func use(_ before: UInt64, _ after: UInt64) -> CPUUse {
            CPUUse(nanoseconds: after - before, requests: count, seconds: countedSeconds)
        }
        return Result(
            connections: connections, queriesPerSecond: Double(count) / countedSeconds,
            latencies: Latencies(parts.elements.flatMap(\.durations)),
            server: before.server.flatMap { before in after.server.map { use(before, $0) } },
            client: use(before.client, after.client), ids: ids)
    }

    /// What one thread asked and was answered.
    private struct Part: Sendable {
        /// In nanoseconds, of the requests that began after the warm-up.
        var durations: [UInt64] = []
        /// Answers that came after the warm-up.
        var count = 0
        var answers: [(query: Int, body: [UInt8])] = []

        init(
            _ endpoint: HTTPEndpoint, _ requests: [[UInt8]], _ counter: NextQuery, connections count: Int,
            times: (counted: UInt64, deadline: UInt64), atCounted: () throws -> Void
        ) throws {
            let group = try ConnectionGroup(endpoint, count: count)
            var asked = [(number: Int, time: UInt64)](repeating: (0, 0), count: count)
            var open = 0
            var isCounting = false
            /// Asks the next question, if there is still time.
            func ask(_ place: Int) throws {
                let number = counter.take()
                let now = nowNanoseconds()
                if now >= times.deadline && number >= requests.count { return }
                asked[place] = (number, now)
                try group.connections[place].post(requests[number % requests.count])
                open += 1
            }
            for place in 0..<count { try ask(place) }
            while open > 0 {
                try group.takeAnswers { place, answer in
                    let now = nowNanoseconds()
                    guard answer.status == 200 else {
                        throw BenchError(
                            "search: status \(answer.status): "
                                + String(decoding: answer.body.prefix(300), as: UTF8.self))
                    }
                    open -= 1
                    let (number, time) = asked[place]
                    if time >= times.counted { durations.append(now - time) }
                    if now >= times.counted {
                        self.count += 1
                        if !isCounting { try atCounted() }
                        isCounting = true
                    }
                    if number < requests.count { answers.append((number % requests.count, answer.body)) }
                    try ask(place)
                }
            }
        }
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
