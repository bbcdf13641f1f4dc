import Foundation
import JSON

/// The whole way: a server in a process of its own, asked over the loopback (or a given server, over its network).
///
/// The own server opens the storage that the engine's measurement left in `folder`.
enum HTTPSection {
    static func measure(
        _ dataset: Dataset, _ options: RunOptions, folder: String, _ report: inout RunReport
    ) throws {
        OpenFileLimit.raise()
        if let url = options.url {
            let bench = HTTPBench(endpoint: try HTTPEndpoint(url: url, apiKey: options.apiKey), dataset: dataset)
            note("filling \(url)")
            defer { try? bench.delete(EngineBench.collection) }
            let upserts = try bench.upserts(
                into: EngineBench.collection, count: dataset.rows.count, batch: options.batch, connections: 2,
                waitsForGraph: true)
            try bench.createPayloadIndexes(in: EngineBench.collection)
            try measure(bench, options, upserts: [upserts], server: nil, &report)
        } else {
            note("starting the server")
            let probe = HTTPBench.search(dataset, query: 0, ef: 0)
            let server = try ServerProcess(
                executable: options.server, storage: folder + "/storage", log: folder + "/server.log",
                probe: probe)
            let bench = HTTPBench(endpoint: server.endpoint, dataset: dataset, serverID: server.processID)
            try measure(bench, options, upserts: [], server: server, &report)
            server.stop()
        }
    }

    private static func measure(
        _ bench: HTTPBench, _ options: RunOptions, upserts filled: [HTTPBench.Upserts], server: ServerProcess?,
        _ report: inout RunReport
    ) throws {
        let searches = try bench.searches(
            ef: options.httpEf, connections: parseSweep(options.connections), seconds: options.httpSeconds)
        let memory = try server?.memory
        var upserts = filled
        if upserts.isEmpty, options.upserts > 0 {
            // One at a time in the writer's queue, and several that share a commit.
            for connections in [2, 8] {
                note("  upserts from \(connections) connections")
                upserts.append(
                    try bench.upserts(
                        into: "bench-upserts", count: options.upserts, batch: options.batch, connections: connections,
                        waitsForGraph: false))
                try bench.delete("bench-upserts")
            }
        }

        note("  searches during an upload")
        let upload = try UploadLatency.measure(
            bench, batch: options.batch, connections: 1, idleSeconds: options.httpSeconds)

        // The same setting through the engine: what is left is HTTP, JSON and the loopback.
        let engine = report.json["engine"]?["points"]?.arrayValue?.first {
            $0["ef"]?.integerValue == Int64(options.httpEf)
        }
        let engineCPU = engine?["qps"]?.doubleValue.map { 1e6 / $0 }
        let overhead = engine?["p50Microseconds"]?.doubleValue.flatMap { inner in
            searches.first { $0.load.connections == 1 }.map { $0.load.latencies.microseconds(0.5) - inner }
        }
        var json: JSONValue = [
            "endpoint": .string(options.url ?? "own server"), "ef": JSONValue(options.httpEf),
            "searches": .array(searches.map { $0.load.json(recall: $0.recall) }),
            "upserts": .array(upserts.map(\.json)), "upload": upload.json,
            "overheadMicroseconds": overhead.map { .double(rounded($0, 1)) } ?? .null,
            "engineCPUMicroseconds": engineCPU.map { .double(rounded($0, 2)) } ?? .null,
        ]
        var text = ""
        if let server, let memory {
            json["startSeconds"] = .double(rounded(server.secondsToFirstAnswer, 4))
            json["residentBytes"] = JSONValue(memory.resident)
            json["anonymousBytes"] = JSONValue(memory.anonymous)
            text += """
                From the start of the process to the first search answered: \
                \(fixed(server.secondsToFirstAnswer * 1e3, 0)) ms. After the searches it held \
                \(megabytes(memory.anonymous)) of anonymous memory and \(megabytes(memory.shared)) of mapped files.

                """
        }
        for upserts in upserts {
            text += """
                \(grouped(upserts.pointsPerSecond)) upserts a second as JSON, in batches of \(upserts.batch) from \
                \(upserts.connections) connections (\(megabytes(upserts.bodyBytes)) of bodies).

                """
        }
        if let overhead {
            text += "One search costs \(fixed(overhead, 1)) µs beyond the engine's own time at the median.\n\n"
        }
        report.json["http"] = json
        if let engineCPU, server != nil {
            text += """
                *CPU*: time of all threads a request, and the share of all cores that it makes up. *Search*: of the server's \
                time, the \(fixed(engineCPU, 1)) µs that the engine takes in process; the rest is HTTP, JSON and switching.


                """
        }
        var table = MarkdownTable([
            "connections", "recall", "QPS", "p50 µs", "p95 µs", "p99 µs", "server CPU µs", "server", "search",
            "client CPU µs",
            "client",
        ])
        for (load, recall) in searches {
            table.add([
                String(load.connections), fixed(recall, 4), grouped(load.queriesPerSecond),
                fixed(load.latencies.microseconds(0.5), 0), fixed(load.latencies.microseconds(0.95), 0),
                fixed(load.latencies.microseconds(0.99), 0), load.server.map { fixed($0.microseconds, 1) } ?? "",
                load.server.map { percent($0.share) } ?? "",
                engineCPU.flatMap { engine in load.server.map { percent(engine / $0.microseconds) } } ?? "",
                fixed(load.client.microseconds, 1), percent(load.client.share),
            ])
        }
        report.add("HTTP, keep-alive connections", text + table.text)
        report.add(
            "HTTP, searches during an upload",
            """
            \(grouped(Double(upload.points))) points uploaded by one connection into the searched collection, which held \
            as many, in \(fixed(upload.seconds, 1)) s; then linked. Default ef.

            \(upload.table)
            """)
    }
}
