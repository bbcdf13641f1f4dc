import ArgumentParser
import Foundation
import JSON

struct ShapesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shapes",
        abstract: "Measures recall on made data of many shapes, beside hnswlib and Faiss at equal width.",
        discussion: """
            Each shape is drawn anew for each seed. The index is asked at ef 64, at its default and at 256; --peers asks \
            hnswlib and Faiss at the same widths. All are judged by exact scores in double precision. The table goes to \
            standard output.
            """)

    @Option(help: "Shapes to measure, separated by commas: names or what they begin with (default: all).")
    var shapes: String?
    @Flag(help: "Lists the shapes and measures nothing.")
    var list = false
    @Option(help: "Seeds to draw each shape with, separated by commas.")
    var seeds = "1,2,3,4,5"
    @Option(help: "Rows of a shape of the usual size; larger and smaller shapes keep their proportion.")
    var rows = Shape.usualRows
    @Option(help: "Queries of a shape with the usual number; others keep their proportion.")
    var queryCount = Shape.usualQueries
    @Option(
        help: """
            Rows that are published and linked before the next are, as if they came over time (default: all at once, but \
            for shapes that grow).
            """)
    var portion: Int?
    @Flag(help: "Walks the graph however little a scan would cost, as small numbers of rows would have it.")
    var preferGraph = false
    @Option(help: "Python that has hnswlib, faiss-cpu and numpy; without it no peers are asked.")
    var peers: String?
    @Option(
        help: """
            Recall from which on the peers aren't asked: what we find with every seed and width is no more than 0.01 below \
            theirs if this is 0.99. The default asks them about every shape.
            """)
    var peersBelow = 2.0
    @Option(help: "The script that asks the peers.")
    var peersScript = "benchmarks/shape_peers.py"
    @Option(help: "Where to write the figures of all runs.")
    var json: String?
    @Option(help: "Where to write the table.")
    var table: String?
    @OptionGroup var graph: GraphOptions

    func validate() throws {
        guard (1000...10_000_000).contains(rows) else { throw ValidationError("--rows must be 1000…10000000") }
        guard (1...100_000).contains(queryCount) else { throw ValidationError("--query-count must be 1…100000") }
        guard portion.map({ $0 >= 1 }) ?? true else { throw ValidationError("--portion must be at least 1") }
        _ = try parsedSeeds()
    }

    func run() throws {
        let chosen = try shapes.map { try Shape.named($0) } ?? Shape.all
        guard !list else { return print(Self.list(chosen)) }
        try graph.chooseKernels()
        var summaries: [ShapeSummary] = []
        for (number, shape) in chosen.enumerated() {
            note("\(shape.name) (\(number + 1) of \(chosen.count)): \(shape.summary)")
            summaries.append(ShapeSummary(shape: shape, rowCount: shape.rowCount(rows), runs: try measure(shape)))
            // After each shape, since all of them take hours.
            try write(summaries)
        }
        print(Self.table(summaries))
    }

    private func parsedSeeds() throws -> [UInt64] { try parseSweep(seeds, zeroIsDefault: true).map { UInt64($0) } }

    private func measure(_ shape: Shape) throws -> [ShapeRun] {
        var runs = try parsedSeeds().map { seed in
            let run = try measure(shape, seed: seed)
            let reachability = run.reachability.map { ", \($0.mended) mended, \($0.entryPoints) entry points" } ?? ""
            note("  seed \(seed): \(Self.line([("trendex", run.ours)]))\(reachability)")
            return run
        }
        guard let peers, runs.contains(where: { $0.ours.contains { $0.recall < peersBelow } }) else { return runs }
        let asked = ShapePeers(python: peers, script: peersScript, m: graph.m, threads: graph.buildThreads)
        for place in runs.indices {
            try ask(asked, shape, &runs[place])
            note("  seed \(runs[place].seed): \(Self.line(runs[place].peers))")
        }
        return runs
    }

    /// Draws the shape, builds its index, and judges what that answers.
    private func measure(_ shape: Shape, seed: UInt64) throws -> ShapeRun {
        let data = try shape.data(rows: rows, queries: queryCount, seed: seed)
        let judge = try ShapeTruth.judge(data, metric: shape.metric, k: shape.k)
        let index = try ShapeIndex(
            shape, data, m: graph.m, efConstruct: graph.efConstruct, seed: graph.seed &+ seed,
            threads: graph.buildThreads, portion: portion)
        let answers = [64, nil, 256].map { index.answers(ef: $0, prefersGraph: preferGraph) }
        // Where every query was answered by a scan: what the index walks with by default.
        let defaultWidth = answers[1].widths.max() ?? index.index.parameters.defaultWidth(k: shape.k)
        var run = ShapeRun(
            seed: seed, widths: [64, defaultWidth, 256], ours: answers.map { Self.figures($0, judge, data) })
        run.reachability = index.index.reachability
        return run
    }

    /// Draws the shape once more, and adds what the peers answer to it.
    private func ask(_ peers: ShapePeers, _ shape: Shape, _ run: inout ShapeRun) throws {
        let data = try shape.data(rows: rows, queries: queryCount, seed: run.seed)
        let judge = try ShapeTruth.judge(data, metric: shape.metric, k: shape.k)
        run.peers = try peers.answers(shape, data, widths: run.widths, seed: run.seed).map { name, ids in
            (name, ids.map { Self.figures(ShapeAnswers(ids: $0), judge, data) })
        }
    }

    private static func figures(_ answers: ShapeAnswers, _ judge: Judge, _ data: ShapeData) -> ShapeFigures {
        ShapeFigures(recalls: judge.recalls(answers.ids), populations: data.populations, scored: answers.scored)
    }

    private func write(_ summaries: [ShapeSummary]) throws {
        if let json {
            let report: JSONValue = [
                "machine": Machine.current().json,
                "flags": [
                    "rows": JSONValue(rows), "queryCount": JSONValue(queryCount), "seeds": .string(seeds),
                    "preferGraph": .bool(preferGraph), "portion": portion.map { JSONValue($0) } ?? .null,
                    "peersBelow": .double(peersBelow),
                    "m": JSONValue(graph.m), "efConstruct": JSONValue(graph.efConstruct),
                    "buildThreads": JSONValue(graph.buildThreads), "seed": JSONValue(graph.seed),
                ],
                "shapes": .array(summaries.map(\.json)),
            ]
            try report.write(to: json)
        }
        if let table {
            let text = """
                # Recall on data of many shapes

                \(grouped(Double(rows))) rows in a shape of the usual size, seeds \(seeds), m \(graph.m), ef_construct \
                \(graph.efConstruct). `benchmarks/README.md` says what the columns mean.

                \(Self.table(summaries))

                """
            do { try Data(text.utf8).write(to: URL(fileURLWithPath: table), options: .atomic) } catch {
                throw BenchError("\(table): can't be written: \(error.localizedDescription)")
            }
        }
    }

    private static func table(_ summaries: [ShapeSummary]) -> String {
        var table = MarkdownTable(ShapeSummary.header)
        for summary in summaries { table.add(summary.cells) }
        return table.text
    }

    private static func list(_ shapes: [Shape]) -> String {
        shapes.map { shape in
            "\(shape.name): \(shape.summary) (\(shape.metric), \(grouped(Double(shape.rows))) × \(shape.dimensions), "
                + "\(grouped(Double(shape.queries))) queries)"
        }.joined(separator: "\n")
    }

    /// The recall of each engine at each width, in one line.
    private static func line(_ engines: [(name: String, figures: [ShapeFigures])]) -> String {
        engines.map { name, figures in
            name + " " + figures.map { fixed($0.recall, 4) }.joined(separator: " ")
        }.joined(separator: ", ")
    }
}
