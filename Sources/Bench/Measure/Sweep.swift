import Foundation
import JSON

/// Passes over a list of `ef` values, and the figures that come of them.
struct Sweep {
    let efs: [Int]
    let queries: Int
    let k: Int
    let judge: Judge
    /// By place in `efs`.
    private(set) var passes: [[TimedPass]]
    private(set) var verdicts: [Judge.Verdict?]
    /// Results of the last pass, and what `verdicts` judges.
    private(set) var ids: [[Int64]]

    typealias Search = (_ ef: Int, _ ids: inout [Int64]) throws -> TimedPass

    init(efs: [Int], queries: Int, k: Int, judge: Judge) {
        self.efs = efs
        self.queries = queries
        self.k = k
        self.judge = judge
        passes = Array(repeating: [], count: efs.count)
        verdicts = Array(repeating: nil, count: efs.count)
        ids = Array(repeating: Array(repeating: -1, count: queries * k), count: efs.count)
    }

    /// One untimed walk at the first `ef`, so that caches and pages are warm; then a timed one at each. Results are
    /// judged behind the timed part.
    mutating func runPass(_ search: Search) throws {
        _ = try search(efs[0], &ids[0])
        for place in efs.indices { passes[place].append(try search(efs[place], &ids[place])) }
        for place in efs.indices { verdicts[place] = judge.verdict(ids[place]) }
    }

    /// Medians of all passes.
    var points: [CurvePoint] {
        efs.indices.map { CurvePoint(ef: efs[$0], recall: verdicts[$0]?.recall ?? 0, passes: passes[$0]) }
    }

    /// The last pass alone.
    var lastPoints: [CurvePoint] {
        efs.indices.map { place in
            CurvePoint(ef: efs[place], recall: verdicts[place]?.recall ?? 0, passes: Array(passes[place].suffix(1)))
        }
    }

    var json: JSONValue { .array(points.map(\.json)) }

    var idsOfAll: [Int64] { Array(ids.joined()) }

    var table: String {
        let points = points
        let tellsEffort = points.contains { $0.effort != nil }
        var table = MarkdownTable(
            ["ef", "recall", "QPS", "p50 µs", "p95 µs", "p99 µs"] + (tellsEffort ? ["scored", "hops"] : []))
        for point in points {
            var row = [
                String(point.ef), fixed(point.recall, 4), grouped(point.queriesPerSecond),
                fixed(point.p50Microseconds, 1), fixed(point.p95Microseconds, 1), fixed(point.p99Microseconds, 1),
            ]
            if let effort = point.effort { row += [grouped(effort.scored), grouped(effort.hops)] }
            table.add(row)
        }
        return table.text
    }
}

/// Prints `built` as an event and answers each line "pass" on standard input with what `pass` measured, until "quit" or
/// the end of the input. So passes of several engines can be interleaved without building anything again.
func answerPasses(built: JSONValue, _ pass: () throws -> JSONValue) throws {
    var event = built
    event["event"] = "built"
    printLine(event)
    while let line = readLine() {
        switch line {
        case "pass":
            var answer = try pass()
            answer["event"] = "pass"
            printLine(answer)
        case "quit": return
        default: throw BenchError("standard input: \(line): known are pass and quit")
        }
    }
}

/// Prints one line of JSON and hands it over at once.
func printLine(_ value: JSONValue) {
    print(value)
    fflush(nil)
}
