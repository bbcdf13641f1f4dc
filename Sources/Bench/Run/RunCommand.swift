import ArgumentParser
import Foundation
import JSON
import Quantization

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Measures everything: builds, searches in process and over HTTP, filters, writes, memory, start-up.",
        discussion: """
            Without --data and --base it makes clustered vectors of its own, which say how fast a machine is but little \
            about recall on real embeddings. Results go to <out>/<name>.json and <out>/<name>.md; progress to standard error.
            """)

    @OptionGroup var options: RunOptions
    @OptionGroup var index: IndexOptions

    func run() throws {
        try index.graph.chooseKernels()
        let options = options.adjusted()
        let settings = try index.settings()
        note("reading the data")
        let dataset = try load(options, settings)
        note("\(dataset.rows.count) × \(dataset.rows.dimensions), \(dataset.queries.count) queries")
        var report = RunReport(dataset: dataset)
        report.json["machine"] = Machine.current().json
        report.json["flags"] = flags(options)
        report.json["seed"] = JSONValue(index.graph.seed)

        try IndexSection.measure(dataset, settings, options, &report)
        try TemporaryFolder.use { folder in
            try EngineSection.measure(dataset, settings, options, storage: folder + "/storage", &report)
            if !options.noHTTP { try HTTPSection.measure(dataset, options, folder: folder, &report) }
        }

        let path = "\(options.out)/\(options.name ?? dataset.name)"
        try report.json.write(to: path + ".json")
        let text = report.markdown
        do { try Data(text.utf8).write(to: URL(fileURLWithPath: path + ".md"), options: .atomic) } catch {
            throw BenchError("\(path).md: can't be written: \(error.localizedDescription)")
        }
        print(text)
        note("written to \(path).json and \(path).md")
    }

    private func load(_ options: RunOptions, _ settings: IndexBench.Settings) throws -> Dataset {
        let data = options.data
        guard data.data == nil && data.base == nil else { return try data.load(settings.metric) }
        return try SyntheticData.make(
            rows: data.rows ?? 20_000, queries: data.queryCount ?? 500, k: data.k, metric: settings.metric,
            seed: settings.seed)
    }

    private func flags(_ options: RunOptions) -> JSONValue {
        var flags = index.json
        flags["k"] = JSONValue(options.data.k)
        flags["ef"] = .string(options.ef)
        flags["filterEf"] = .string(options.filterEf)
        flags["passes"] = JSONValue(options.pass.passes)
        flags["pin"] = options.pass.pin.map { JSONValue($0) } ?? .null
        flags["connections"] = .string(options.connections)
        flags["httpSeconds"] = .double(options.httpSeconds)
        flags["httpEf"] = JSONValue(options.httpEf)
        flags["batch"] = JSONValue(options.batch)
        flags["quick"] = .bool(options.quick)
        flags["url"] = options.url.map { .string($0) } ?? .null
        return flags
    }
}
