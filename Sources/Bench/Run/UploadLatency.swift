import JSON
import Synchronization

/// Latency of searches on one connection, before and while points are uploaded into the collection that is searched.
struct UploadLatency {
    var idle: Latencies
    /// From the first upsert's begin to the last one's acknowledgement.
    var uploading: Latencies
    /// From then until every point is linked.
    var linking: Latencies
    /// Points that were uploaded meanwhile, from how many connections, and for how long.
    var points: Int
    var connections: Int
    var seconds: Double

    /// Fills a collection with half of the rows, searches it, and goes on searching while the other half is uploaded from
    /// some connections, each of which waits for its acknowledgements.
    static func measure(
        _ bench: HTTPBench, batch: Int, connections: Int, idleSeconds: Double
    ) throws -> UploadLatency {
        let collection = "bench-upload"
        let count = bench.dataset.rows.count
        let half = count / 2
        defer { try? bench.delete(collection) }
        _ = try bench.upserts(into: collection, count: half, batch: batch, connections: 2, waitsForGraph: true)
        let searches = (0..<bench.dataset.queries.count).map { query in
            bench.endpoint.request(
                "POST", "/collections/\(collection)/points/query",
                body: HTTPBench.search(bench.dataset, query: query, ef: 0).body)
        }
        let uploads = stride(from: half, to: count, by: batch).map { first in
            bench.endpoint.request(
                "PUT", "/collections/\(collection)/points?wait=true",
                body: bench.body(rows: first..<min(first + batch, count)))
        }
        let start = nowNanoseconds()
        let idle = try search(bench.endpoint, searches) { nowNanoseconds() - start < UInt64(idleSeconds * 1e9) }

        let phase = Atomic<Int>(0)
        let during = Gathered<(phase: Int, durations: [UInt64])>()
        let seconds = Gathered<Double>()
        try onThreads(2) { thread in
            if thread == 0 {
                // Each phase ends when the other thread says so, or has failed.
                for number in 0...1 {
                    let durations = try search(bench.endpoint, searches) {
                        phase.load(ordering: .relaxed) == number
                    }
                    during.append((number, durations))
                }
            } else {
                defer { phase.store(2, ordering: .relaxed) }
                let start = nowNanoseconds()
                try HTTPBench.send(uploads, to: bench.endpoint, connections: connections)
                seconds.append(Double(nowNanoseconds() - start) / 1e9)
                phase.store(1, ordering: .relaxed)
                try bench.waitUntilGreen(collection)
            }
        }
        func latencies(_ phase: Int) -> Latencies {
            Latencies(during.elements.filter { $0.phase == phase }.flatMap(\.durations))
        }
        return UploadLatency(
            idle: Latencies(idle), uploading: latencies(0), linking: latencies(1), points: count - half,
            connections: connections, seconds: seconds.elements.first ?? 0)
    }

    /// Durations of searches in nanoseconds, one after the other while `goesOn` says so.
    private static func search(
        _ endpoint: HTTPEndpoint, _ requests: [[UInt8]], while goesOn: () -> Bool
    ) throws -> [UInt64] {
        let connection = try HTTPConnection(endpoint)
        var durations: [UInt64] = []
        while goesOn() {
            let before = nowNanoseconds()
            let response = try connection.send(requests[durations.count % requests.count])
            durations.append(nowNanoseconds() - before)
            guard response.status == 200 else { throw BenchError("search: status \(response.status)") }
        }
        return durations
    }

    private var phases: [(name: String, latencies: Latencies)] {
        [("idle", idle), ("uploading", uploading), ("linking", linking)]
    }

    var json: JSONValue {
        var json: JSONValue = [
            "points": JSONValue(points), "connections": JSONValue(connections), "seconds": .double(rounded(seconds, 3)),
            "pointsPerSecond": .double(rounded(Double(points) / seconds, 1)),
        ]
        for (name, latencies) in phases {
            json[name] = [
                "searches": JSONValue(latencies.sorted.count),
                "p50Microseconds": .double(rounded(latencies.microseconds(0.5), 1)),
                "p99Microseconds": .double(rounded(latencies.microseconds(0.99), 1)),
            ]
        }
        return json
    }

    var table: String {
        var table = MarkdownTable(["one connection", "searches", "p50 µs", "p99 µs"])
        for (name, latencies) in phases {
            table.add([
                name, grouped(Double(latencies.sorted.count)), fixed(latencies.microseconds(0.5), 0),
                fixed(latencies.microseconds(0.99), 0),
            ])
        }
        return table.text
    }
}
