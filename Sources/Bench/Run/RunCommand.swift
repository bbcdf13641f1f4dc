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
    @OptionGroup var indexOptions: IndexOptions

    func run() throws {
        try indexOptions.chooseKernels()
        let options = options.adjusted()
        let settings = try indexOptions.settings()
        note("reading the data")
        let dataset = try load(options, settings)
        note("\(dataset.rows.count) × \(dataset.rows.dimensions), \(dataset.queries.count) queries")
        var report = RunReport(dataset: dataset)
        report.json["machine"] = Machine.current().json
        report.json["flags"] = flags(options)
        report.json["seed"] = JSONValue(indexOptions.seed)

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
        if options.data == nil && options.base == nil {
            return try SyntheticData.make(
                rows: options.rows ?? 20_000, queries: options.queryCount ?? 500, k: options.k, metric: settings.metric,
                seed: settings.seed)
        }
        return try Dataset.load(
            Dataset.Source(
                data: options.data, base: options.base, queries: options.queries, truth: options.truth,
                metric: settings.metric, k: options.k, rowLimit: options.rows, queryLimit: options.queryCount))
    }

    private func flags(_ options: RunOptions) -> JSONValue {
        var flags = indexOptions.json
        flags["k"] = JSONValue(options.k)
        flags["ef"] = .string(options.ef)
        flags["filterEf"] = .string(options.filterEf)
        flags["passes"] = JSONValue(options.passes)
        flags["pin"] = options.pin.map { JSONValue($0) } ?? .null
        flags["connections"] = .string(options.connections)
        flags["httpSeconds"] = .double(options.httpSeconds)
        flags["httpEf"] = JSONValue(options.httpEf)
        flags["batch"] = JSONValue(options.batch)
        flags["quick"] = .bool(options.quick)
        flags["url"] = options.url.map { .string($0) } ?? .null
        return flags
    }
}
