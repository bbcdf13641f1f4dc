import ArgumentParser
import Foundation
import JSON

struct FilteredCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "filtered",
        abstract: "Measures filtered searches through the engine, in process, over a sweep of ef.",
        discussion: "With --serve-passes it answers lines on standard input as `search` does.")

    @Option(help: "Sizes of the candidate pool to sweep; 0 is the engine's default.")
    var ef = "0,16,32,64,128,256"
    @OptionGroup var data: DataOptions
    @OptionGroup var pass: PassOptions
    @OptionGroup var answer: AnswerOptions
    @OptionGroup var index: IndexOptions

    func validate() throws { _ = try parseSweep(ef, zeroIsDefault: true) }

    func run() throws {
        try index.graph.chooseKernels()
        let settings = try index.settings()
        let dataset = try data.load(settings.metric)
        guard !dataset.filters.isEmpty else { throw BenchError("\(dataset.name): has no filters.json") }
        try TemporaryFolder.use { try measure(dataset, settings, folder: $0) }
    }

    private func measure(_ dataset: Dataset, _ settings: IndexBench.Settings, folder: String) throws {
        let bench = try EngineBench(dataset: dataset, storage: folder + "/storage", settings, batch: 256)
        defer { try? bench.engine.close() }
        if let pin = pass.pin { try Affinity.pinProcess(to: pin) }
        var sweep = FilteredSweep(dataset: dataset, efs: try parseSweep(ef, zeroIsDefault: true))
        var report: JSONValue = [
            "build": bench.filling.buildJSON(threads: settings.buildThreads),
            "anonymousBytes": JSONValue(bench.filling.anonymousBytes),
            "fileBytes": JSONValue(fileBytes(at: folder)),
        ]
        try answer.run(built: report, passes: pass.passes) {
            try sweep.runPass { filter, ef, ids in
                try bench.pass(ef: ef, k: data.k, threads: 1, filter: { filter.filter(for: $0) }, ids: &ids)
            }
            return ["filters": sweep.json(lastPassOnly: true)]
        }
        if !answer.servePasses { try sweep.notePlans { try bench.commonPlan(ef: $1, k: data.k, filter: $0) } }
        report["filters"] = sweep.json()
        report["machine"] = Machine.current().json
        report["flags"] = index.json
        report["seed"] = JSONValue(index.graph.seed)
        try answer.write(report, table: sweep.table)
    }
}
