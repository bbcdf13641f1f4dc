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

    @Option(help: "Vectors to search: .npy, .fvecs.")
    var base: String
    @Option(help: "Query vectors: .npy, .fvecs.")
    var queries: String
    @Option(help: "Each query's exact scores, best first: .npy, .fvecs.")
    var truthScores: String
    @Option(help: "Results a query.")
    var k = 10
    @Option(help: "Sizes of the candidate pool to sweep, separated by commas.")
    var ef: String?
    @Flag(help: "Compares with every row instead of walking the graph.")
    var exact = false
    @Option(help: "Passes over the sweep; the figures are medians.")
    var passes = 5
    @Option(help: "Threads that search at once.")
    var searchThreads = 1
    @Option(help: "Core that the search is bound to.")
    var pin: Int?
    @Flag(help: "Takes the codes' scores for the final ones, without rescoring.")
    var noRescore = false
    @Option(help: "Candidates rescored, as a multiple of k.")
    var oversampling = 1.0
    @Flag(help: "Walks with the stored vectors in place of the codes.")
    var ignoreCodes = false
    @Option(help: "Where to write the figures.")
    var json: String?
    @Option(help: "Where to write the ids found: .npy, int64, sweep × queries × k, padded with -1.")
    var idsOut: String?
    @Flag(help: "Runs a sweep for each line \"pass\" on standard input.")
    var servePasses = false
    @OptionGroup var indexOptions: IndexOptions

    func validate() throws {
        guard (1...10_000).contains(k) else { throw ValidationError("--k must be 1…10000") }
        guard exact != (ef != nil) else { throw ValidationError("give either --ef or --exact") }
        guard (1...1000).contains(passes) else { throw ValidationError("--passes must be 1…1000") }
        guard (1...256).contains(searchThreads) else { throw ValidationError("--search-threads must be 1…256") }
        guard pin == nil || searchThreads == 1 else { throw ValidationError("--pin needs --search-threads 1") }
        guard oversampling >= 1, oversampling.isFinite else {
            throw ValidationError("--oversampling must be at least 1")
        }
        if let idsOut, !idsOut.hasSuffix(".npy") { throw ValidationError("--ids-out must end in .npy") }
        if let ef { _ = try parseSweep(ef) }
    }

    func run() throws {
        try indexOptions.chooseKernels()
        let settings = try indexOptions.settings()
        let rows = try FloatRows(MappedMatrix.open(base), normalising: settings.metric == .cosine)
        let targets = try FloatRows(MappedMatrix.open(queries), normalising: settings.metric == .cosine)
        guard rows.dimensions == targets.dimensions else {
            throw BenchError("\(queries): has \(targets.dimensions) dimensions, the base has \(rows.dimensions)")
        }
        let judge = try Judge(
            rows: rows, queries: targets, metric: settings.metric, k: k, scores: MappedMatrix.open(truthScores))
        note("building an index over \(rows.count) × \(rows.dimensions) on \(settings.buildThreads) threads")
        let bench = try IndexBench(rows: rows, settings)
        note("built in \(fixed(bench.build.seconds, 2)) s")
        let files = try bench.saveAndLoad()
        if let pin { try Affinity.pinProcess(to: pin) }

        var sweep = Sweep(
            efs: try ef.map(parseSweep) ?? [0], queries: targets.count, k: k, judge: judge)
        let search = IndexBench.SearchSettings(
            k: k, isExact: exact, ignoresCodes: ignoreCodes, rescores: !noRescore, oversampling: oversampling)
        let timedPass = { (ef: Int, ids: inout [Int64]) in
            try bench.pass(targets, ef: ef, search, threads: searchThreads, ids: &ids)
        }
        var report: JSONValue = [
            "build": bench.buildJSON,
            "residentBytesPerPoint": .double(rounded(bench.residentBytesPerPoint, 1)),
            "indexBytes": JSONValue(bench.index.residentBytes), "anonymousBytes": JSONValue(bench.anonymousBytes),
            "mappedBytes": JSONValue(rows.count * rows.dimensions * (settings.element == .float16 ? 2 : 4)),
            "fileBytes": JSONValue(files.bytes), "loadSeconds": .double(rounded(files.loadSeconds, 4)),
        ]
        if servePasses {
            try answerPasses(built: report) {
                try sweep.runPass(timedPass)
                return ["points": .array(sweep.lastPoints.map(\.json))]
            }
        } else {
            for pass in 1...passes {
                note("pass \(pass) of \(passes)")
                try sweep.runPass(timedPass)
            }
        }
        report["points"] = sweep.json
        report["machine"] = Machine.current().json
        report["flags"] = flags
        report["seed"] = JSONValue(indexOptions.seed)
        if let json { try report.write(to: json) }
        if let idsOut { try NpyFile.write(sweep.idsOfAll, shape: [sweep.efs.count, targets.count, k], to: idsOut) }
        if json == nil, !servePasses { print(sweep.table) }
    }

    private var flags: JSONValue {
        var flags = indexOptions.json
        flags["k"] = JSONValue(k)
        flags["base"] = .string(base)
        flags["queries"] = .string(queries)
        flags["exact"] = .bool(exact)
        flags["passes"] = JSONValue(passes)
        flags["searchThreads"] = JSONValue(searchThreads)
        flags["pin"] = pin.map { JSONValue($0) } ?? .null
        flags["rescore"] = .bool(!noRescore)
        flags["oversampling"] = .double(oversampling)
        flags["ignoreCodes"] = .bool(ignoreCodes)
        return flags
    }
}
