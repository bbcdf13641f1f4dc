import Foundation
import JSON

/// Searches and writes over HTTP, against any server that speaks Qdrant's API.
struct HTTPBench {
    let endpoint: HTTPEndpoint
    let dataset: Dataset
    /// The server's process, if it is on this machine and ours.
    var serverID: Int32?

    /// A search's path, and its body for one query. `ef` 0 takes the server's default.
    static func search(_ dataset: Dataset, query: Int, ef: Int, filter: JSONValue? = nil) -> (
        path: String, body: [UInt8]
    ) {
        var writer = JSONWriter(capacity: 16 << 10)
        writer.object { writer in
            writer.key("query")
            writer.write(dataset.queries.row(query))
            writer.key("limit")
            writer.write(dataset.judge.k)
            if ef > 0 {
                writer.key("params")
                writer.write(["hnsw_ef": JSONValue(ef)] as JSONValue)
            }
            if let filter {
                writer.key("filter")
                writer.write(filter)
            }
        }
        return ("/collections/\(EngineBench.collection)/points/query", writer.bytes)
    }

    /// Searches with several numbers of connections, each for `seconds`.
    func searches(ef: Int, connections: [Int], seconds: Double) throws -> [(load: HTTPLoad.Result, recall: Double)] {
        let requests = (0..<dataset.queries.count).map { query in
            let search = Self.search(dataset, query: query, ef: ef)
            return endpoint.request("POST", search.path, body: search.body)
        }
        return try connections.map { count in
            note("  \(count) connections, \(fixed(seconds, 1)) s")
            let load = try HTTPLoad.run(
                endpoint, requests: requests, k: dataset.judge.k, connections: count, seconds: seconds,
                server: serverID)
            return (load, dataset.judge.verdict(load.ids).recall)
        }
    }

    struct Upserts {
        var points: Int
        var batch: Int
        var connections: Int
        var seconds: Double
        var secondsUntilGreen: Double
        var bodyBytes: Int
    }

    /// Upserts the first `count` rows into a collection of their own, in batches from several connections; each call
    /// waits for its acknowledgement. The bodies are written before the clock starts. The collection is left there.
    func upserts(
        into collection: String, count: Int, batch: Int, connections: Int, waitsForGraph: Bool
    ) throws -> Upserts {
        let distance =
            switch dataset.metric {
            case .cosine: "Cosine"
            case .dot: "Dot"
            case .euclid: "Euclid"
            case .manhattan: "Manhattan"
            }
        try endpoint.call(
            "PUT", "/collections/\(collection)",
            ["vectors": ["size": JSONValue(dataset.rows.dimensions), "distance": .string(distance)]])
        let count = min(count, dataset.rows.count)
        let requests = stride(from: 0, to: count, by: batch).map { first in
            endpoint.request(
                "PUT", "/collections/\(collection)/points?wait=true",
                body: body(rows: first..<min(first + batch, count)))
        }
        let start = nowNanoseconds()
        try Self.send(requests, to: endpoint, connections: connections)
        let seconds = Double(nowNanoseconds() - start) / 1e9
        var secondsUntilGreen = 0.0
        if waitsForGraph {
            try waitUntilGreen(collection)
            secondsUntilGreen = Double(nowNanoseconds() - start) / 1e9
            try waitUntilChecked(collection)
        }
        return Upserts(
            points: count, batch: batch, connections: connections, seconds: seconds,
            secondsUntilGreen: secondsUntilGreen,
            bodyBytes: requests.reduce(0) { $0 + $1.count })
    }

    /// Sends each request once, from several connections that wait for each answer. Throws for any answer but 200.
    static func send(_ requests: [[UInt8]], to endpoint: HTTPEndpoint, connections: Int) throws {
        let next = NextQuery()
        try onThreads(connections) { thread in
            let connection = try HTTPConnection(endpoint)
            let meter = Progress("upserted over HTTP, batches", total: requests.count)
            while true {
                let number = next.take()
                guard number < requests.count else { return }
                let response = try connection.send(requests[number])
                guard response.status == 200 else {
                    throw BenchError(
                        "upsert: status \(response.status): \(String(decoding: response.body.prefix(300), as: UTF8.self))"
                    )
                }
                if thread == 0 { meter.update(number + 1) }
            }
        }
    }

    /// The body of an upsert of some rows.
    func body(rows: Range<Int>) -> [UInt8] {
        var writer = JSONWriter(capacity: rows.count * dataset.rows.dimensions * 12)
        writer.object { writer in
            writer.key("points")
            writer.array { writer in
                for row in rows {
                    writer.object { writer in
                        writer.key("id")
                        writer.write(row)
                        writer.key("vector")
                        writer.write(dataset.rows.row(row))
                        if !dataset.payloads.isEmpty {
                            writer.key("payload")
                            writer.write(raw: dataset.payloads[row].json)
                        }
                    }
                }
            }
        }
        return writer.bytes
    }

    /// Makes the payload indexes that the filters need.
    func createPayloadIndexes(in collection: String) throws {
        for (key, type) in dataset.payloadIndexes {
            try endpoint.call(
                "PUT", "/collections/\(collection)/index?wait=true",
                ["field_name": .string(key), "field_schema": .string(type.rawValue)])
        }
    }

    func waitUntilGreen(_ collection: String) throws {
        while true {
            let status = try endpoint.call("GET", "/collections/\(collection)")["result"]?["status"]?.stringValue
            if status == "green" { return }
            guard status == "yellow" || status == "grey" else { throw BenchError("\(collection) is \(status ?? "?")") }
            usleep(20_000)
        }
    }

    /// Linked points are looked for once nothing is left to link. Before that searches scan where they would walk.
    private func waitUntilChecked(_ collection: String) throws {
        while true {
            let vector = try endpoint.call("GET", "/collections/\(collection)/recall")["result"]?["vectors"]?[""]
            let reached = vector?["reachability"]
            // What is told of unreachable points may be of a time when there were fewer.
            if vector?["scanned"] == true
                || reached?["unreachable"] != .null && reached?["checked"] == reached?["linked"]
            {
                return
            }
            usleep(20_000)
        }
    }

    func delete(_ collection: String) throws { try endpoint.call("DELETE", "/collections/\(collection)") }
}

extension HTTPBench.Upserts {
    var pointsPerSecond: Double { Double(points) / seconds }

    var json: JSONValue {
        [
            "points": JSONValue(points), "batch": JSONValue(batch), "connections": JSONValue(connections),
            "pointsPerSecond": .double(rounded(pointsPerSecond, 1)), "seconds": .double(rounded(seconds, 3)),
            "secondsUntilGreen": .double(rounded(secondsUntilGreen, 3)), "bodyBytes": JSONValue(bodyBytes),
        ]
    }
}
