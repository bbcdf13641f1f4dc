import ArgumentParser
import Foundation
import JSON

struct HTTPCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "http",
        abstract: "Fills a storage, starts the server on it, and measures the start and searches over HTTP.",
        discussion: """
            --pin binds the server to a core; the connections then run on the other cores, where there are any. With \
            --serve-passes it answers lines on standard input as `search` does, with one curve for each number of \
            connections.
            """)

    @Option(help: "Sizes of the candidate pool to sweep; 0 is the engine's default.")
    var ef = "0"
    @Option(help: "Numbers of connections.")
    var connections = "1"
    @Option(help: "Seconds of load for each setting.")
    var seconds = 1.0
    @Option(help: "The server to start.")
    var server = ".build/release/trendex"
    @Option(help: "Measures searches during an upload from so many connections as well.")
    var uploadConnections = 0
    @Option(help: "Points an upsert during the upload.")
    var batch = 100
    @OptionGroup var data: DataOptions
    @OptionGroup var pass: PassOptions
    @OptionGroup var answer: AnswerOptions
    @OptionGroup var index: IndexOptions

    func validate() throws {
        guard seconds > 0, seconds <= 3600 else { throw ValidationError("--seconds must be in 0…3600") }
        guard (0...1024).contains(uploadConnections) else {
            throw ValidationError("--upload-connections must be in 0…1024")
        }
        guard batch >= 1 else { throw ValidationError("--batch must be at least 1") }
        _ = try parseSweep(ef, zeroIsDefault: true)
        _ = try parseSweep(connections)
    }

    func run() throws {
        try index.graph.chooseKernels()
        OpenFileLimit.raise()
        let settings = try index.settings()
        let dataset = try data.load(settings.metric, vectorsOnly: true)
        try TemporaryFolder.use { try measure(dataset, settings, folder: $0) }
    }

    private func measure(_ dataset: Dataset, _ settings: IndexBench.Settings, folder: String) throws {
        let storage = folder + "/storage"
        note("filling an engine with \(dataset.rows.count) × \(dataset.rows.dimensions)")
        let filling = try fill(dataset, settings, storage)
        note("starting the server")
        let process = try Affinity.whilePinned(to: pass.pin) {
            try ServerProcess(
                executable: server, storage: storage, log: folder + "/server.log",
                probe: HTTPBench.search(dataset, query: 0, ef: 0))
        }
        if let pin = pass.pin {
            let others = Affinity.allowedCores().filter { $0 != pin }
            if !others.isEmpty { try Affinity.unpinProcess(cores: others) }
        }
        let started = try process.memory
        let rows = Double(dataset.rows.count)
        var report: JSONValue = [
            "build": filling.buildJSON(threads: settings.buildThreads),
            "startSeconds": .double(rounded(process.secondsToFirstAnswer, 4)),
            "residentBytesPerPoint": .double(rounded(Double(started.anonymous) / rows, 1)),
            "mappedBytes": JSONValue(started.shared), "fileBytes": JSONValue(fileBytes(at: storage)),
        ]
        let bench = HTTPBench(endpoint: process.endpoint, dataset: dataset, serverID: process.processID)
        let efs = try parseSweep(ef, zeroIsDefault: true)
        let counts = try parseSweep(connections)
        var passes: [[JSONValue]] = []
        try answer.run(built: report, passes: pass.passes) {
            let curves = try counts.map { try curve(bench, connections: $0, efs: efs) }
            passes.append(curves)
            return ["connections": .array(curves)]
        }
        if uploadConnections > 0 {
            let latency = try UploadLatency.measure(
                bench, batch: batch, connections: uploadConnections, idleSeconds: seconds)
            report["upload"] = latency.json
            note(latency.table)
        }
        report["passes"] = .array(passes.map { .array($0) })
        report["machine"] = Machine.current().json
        report["flags"] = index.json
        report["seed"] = JSONValue(index.graph.seed)
        try answer.write(report, table: Self.table(passes.last ?? []))
        process.stop()
    }

    /// The engine that fills the storage is closed, so that its derived files are saved before the server starts.
    private func fill(
        _ dataset: Dataset, _ settings: IndexBench.Settings, _ storage: String
    ) throws -> EngineBench.Filling {
        let engine = try EngineBench(dataset: dataset, storage: storage, settings, batch: 256)
        try engine.engine.close()
        return engine.filling
    }

    private func curve(_ bench: HTTPBench, connections: Int, efs: [Int]) throws -> JSONValue {
        let points = try efs.map { ef in
            let (load, recall) = try bench.searches(ef: ef, connections: [connections], seconds: seconds)[0]
            var point = load.json(recall: recall)
            point["ef"] = JSONValue(ef)
            return point
        }
        return ["connections": JSONValue(connections), "points": .array(points)]
    }

    private static func table(_ curves: [JSONValue]) -> String {
        var table = MarkdownTable([
            "connections", "ef", "recall", "QPS", "p50 µs", "p99 µs", "server CPU µs", "client CPU µs",
        ])
        for curve in curves {
            for point in curve["points"]?.arrayValue ?? [] {
                func number(_ key: String) -> Double { point[key]?.doubleValue ?? 0 }
                table.add([
                    grouped(number("connections")), grouped(number("ef")), fixed(number("recall"), 4),
                    grouped(number("qps")), fixed(number("p50Microseconds"), 0), fixed(number("p99Microseconds"), 0),
                    fixed(number("serverCPUMicroseconds"), 1), fixed(number("clientCPUMicroseconds"), 1),
                ])
            }
        }
        return table.text
    }
}
