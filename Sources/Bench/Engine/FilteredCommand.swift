import ArgumentParser
import Foundation
import JSON

struct FilteredCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "filtered",
        abstract: "Measures filtered searches through the engine, in process, over a sweep of ef.",
        discussion: "With --serve-passes it answers lines on standard input as `search` does.")

    @Option(help: "Folder with vectors, payloads and filters.")
    var data: String
    @Option(help: "Sizes of the candidate pool to sweep; 0 is the engine's default.")
    var ef = "16,32,64,128,256"
    @Option(help: "Results a query.")
    var k = 10
    @Option(help: "Takes only so many rows; true neighbours are computed anew.")
    var rows: Int?
    @Option(help: "Takes only so many queries.")
    var queryCount: Int?
    @Option(help: "Passes over the sweep; the figures are medians.")
    var passes = 3
    @Option(help: "Core that the search is bound to.")
    var pin: Int?
    @Option(help: "Where to write the figures.")
    var json: String?
    @Flag(help: "Runs a sweep for each line \"pass\" on standard input.")
    var servePasses = false
    @OptionGroup var indexOptions: IndexOptions

    func validate() throws {
        guard (1...10_000).contains(k) else { throw ValidationError("--k must be 1…10000") }
        guard (1...1000).contains(passes) else { throw ValidationError("--passes must be 1…1000") }
        _ = try parseSweep(ef)
    }

    func run() throws {
        try indexOptions.chooseKernels()
        let settings = try indexOptions.settings()
        let dataset = try Dataset.load(
            Dataset.Source(data: data, metric: settings.metric, k: k, rowLimit: rows, queryLimit: queryCount))
        guard !dataset.filters.isEmpty else { throw BenchError("\(data): has no filters.json") }
        try TemporaryFolder.use { try measure(dataset, settings, folder: $0) }
    }

    private func measure(_ dataset: Dataset, _ settings: IndexBench.Settings, folder: String) throws {
        let bench = try EngineBench(dataset: dataset, storage: folder + "/storage", settings, batch: 256)
        defer { try? bench.engine.close() }
        if let pin { try Affinity.pinProcess(to: pin) }
        var sweep = FilteredSweep(dataset: dataset, efs: try parseSweep(ef))
        func pass() throws {
            try sweep.runPass { filter, ef, ids in
                try bench.pass(ef: ef, k: k, threads: 1, filter: { filter.filter(for: $0) }, ids: &ids)
            }
        }
        var report: JSONValue = [
            "build": [
                "seconds": .double(rounded(bench.filling.untilIndexed.seconds, 3)),
                "cpuSeconds": .double(rounded(bench.filling.untilIndexed.cpuSeconds, 3)),
                "threads": JSONValue(settings.buildThreads),
            ],
            "anonymousBytes": JSONValue(bench.filling.anonymousBytes),
            "fileBytes": JSONValue(fileBytes(at: folder)),
        ]
        if servePasses {
            try answerPasses(built: report) {
                try pass()
                return ["filters": sweep.json(lastPassOnly: true)]
            }
        } else {
            for number in 1...passes {
                note("pass \(number) of \(passes)")
                try pass()
            }
        }
        report["filters"] = sweep.json()
        report["machine"] = Machine.current().json
        report["flags"] = indexOptions.json
        report["seed"] = JSONValue(indexOptions.seed)
        if let json { try report.write(to: json) }
        if json == nil, !servePasses { print(sweep.table) }
    }
}
