import ArgumentParser
import Foundation
import JSON

struct SearchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Builds an index in process and measures recall against queries per second over a sweep of ef.",
        discussion: """
            A hit is a result whose exact score is at least the query's exact k-th score minus 1e-6. With \
            --serve-passes the index is built once, a line {"event": "built", …} is printed, and every line "pass" on \
            standard input is answered by one sweep {"event": "pass", "points": […]}, so that passes of several engines \
            can be interleaved; "quit" or the end of the input writes the files asked for.
            """)

    @Option(help: "Sizes of the candidate pool to sweep, separated by commas.")
    var ef: String?
    @Flag(help: "Compares with every row instead of walking the graph.")
    var exact = false
    @Option(help: "Threads that search at once.")
    var searchThreads = 1
    @Flag(help: "Takes the codes' scores for the final ones, without rescoring.")
    var noRescore = false
    @Option(help: "Candidates rescored, as a multiple of k.")
    var oversampling = 1.0
    @Flag(help: "Walks with the stored vectors in place of the codes.")
    var ignoreCodes = false
    @Option(help: "auto ranks by reduced codes first where they pay, none walks on int8 codes at once.")
    var firstStage = "auto"
    @Option(help: "Where to write the ids found: .npy, int64, sweep × queries × k, padded with -1.")
    var idsOut: String?
    @OptionGroup var data: DataOptions
    @OptionGroup var pass: PassOptions
    @OptionGroup var answer: AnswerOptions
    @OptionGroup var index: IndexOptions

    func validate() throws {
        guard data.data != nil || data.base != nil else {
            throw ValidationError("give --data, or --base and --queries")
        }
        guard ["auto", "none"].contains(firstStage) else {
            throw ValidationError("--first-stage \(firstStage): known are auto and none")
        }
        guard exact != (ef != nil) else { throw ValidationError("give either --ef or --exact") }
        guard (1...256).contains(searchThreads) else { throw ValidationError("--search-threads must be 1…256") }
        guard pass.pin == nil || searchThreads == 1 else { throw ValidationError("--pin needs --search-threads 1") }
        guard oversampling >= 1, oversampling.isFinite else {
            throw ValidationError("--oversampling must be at least 1")
        }
        if let idsOut, !idsOut.hasSuffix(".npy") { throw ValidationError("--ids-out must end in .npy") }
        if let ef { _ = try parseSweep(ef) }
    }

    func run() throws {
        try index.graph.chooseKernels()
        var settings = try index.settings()
        settings.reducesCodes = firstStage == "auto"
        let dataset = try data.load(settings.metric, vectorsOnly: true)
        let (rows, queries) = (dataset.rows, dataset.queries)
        note("building an index over \(rows.count) × \(rows.dimensions) on \(settings.buildThreads) threads")
        let bench = try IndexBench(rows: rows, settings)
        note("built in \(fixed(bench.build.seconds, 2)) s")
        let files = try bench.saveAndLoad()
        if let pin = pass.pin { try Affinity.pinProcess(to: pin) }

        var sweep = Sweep(
            efs: try ef.map { try parseSweep($0) } ?? [0], queries: queries.count, k: data.k, judge: dataset.judge)
        let search = IndexBench.SearchSettings(
            k: data.k, isExact: exact, ignoresCodes: ignoreCodes, rescores: !noRescore, oversampling: oversampling)
        var report: JSONValue = [
            "build": bench.buildJSON,
            "residentBytesPerPoint": .double(rounded(bench.residentBytesPerPoint, 1)),
            "indexBytes": JSONValue(bench.index.memory.total), "anonymousBytes": JSONValue(bench.anonymousBytes),
            "mappedBytes": JSONValue(rows.count * rows.dimensions * (settings.element == .float16 ? 2 : 4)),
            "fileBytes": JSONValue(files.bytes), "loadSeconds": .double(rounded(files.loadSeconds, 4)),
        ]
        try answer.run(built: report, passes: pass.passes) {
            try sweep.runPass { ef, ids in
                try bench.pass(queries, ef: ef, search, threads: searchThreads, ids: &ids)
            }
            return ["points": .array(sweep.lastPoints.map(\.json))]
        }
        report["points"] = sweep.json
        report["machine"] = Machine.current().json
        report["flags"] = flags
        report["seed"] = JSONValue(index.graph.seed)
        if let idsOut {
            try NpyFile.write(sweep.idsOfAll, shape: [sweep.efs.count, queries.count, data.k], to: idsOut)
        }
        try answer.write(report, table: sweep.table)
    }

    private var flags: JSONValue {
        var flags = index.json
        flags["k"] = JSONValue(data.k)
        for (key, path) in [("data", data.data), ("base", data.base), ("queries", data.queries)] {
            if let path { flags[key] = .string(path) }
        }
        flags["rows"] = data.rows.map { JSONValue($0) } ?? .null
        flags["exact"] = .bool(exact)
        flags["passes"] = JSONValue(pass.passes)
        flags["searchThreads"] = JSONValue(searchThreads)
        flags["pin"] = pass.pin.map { JSONValue($0) } ?? .null
        flags["rescore"] = .bool(!noRescore)
        flags["firstStage"] = .string(firstStage)
        flags["oversampling"] = .double(oversampling)
        flags["ignoreCodes"] = .bool(ignoreCodes)
        return flags
    }
}
