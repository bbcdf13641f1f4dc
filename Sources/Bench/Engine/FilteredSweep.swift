import JSON

/// A sweep of `ef` under each of a data set's filters.
struct FilteredSweep {
    let dataset: Dataset
    let efs: [Int]
    private(set) var sweeps: [Sweep]

    init(dataset: Dataset, efs: [Int]) {
        self.dataset = dataset
        self.efs = efs
        sweeps = dataset.filters.map { filter in
            Sweep(efs: efs, queries: dataset.queries.count, k: dataset.judge.k, judge: filter.judge)
        }
    }

    /// One pass over all filters and settings.
    mutating func runPass(
        _ search: (_ filter: Dataset.FilterCase, _ ef: Int, _ ids: inout [Int64]) throws -> TimedPass
    ) throws {
        for place in sweeps.indices {
            let filter = dataset.filters[place]
            try sweeps[place].runPass { ef, ids in try search(filter, ef, &ids) }
        }
    }

    /// Per filter: name, kind, selectivity and the curve; `lastPassOnly` for a pass that is served.
    func json(lastPassOnly: Bool = false) -> JSONValue {
        .array(
            zip(dataset.filters, sweeps).map { filter, sweep in
                [
                    "name": .string(filter.name), "kind": .string(filter.kind),
                    "selectivity": .double(filter.selectivity),
                    "points": .array(
                        zip(lastPassOnly ? sweep.lastPoints : sweep.points, sweep.verdicts).map { point, verdict in
                            var json = point.json
                            json["fewestResults"] = verdict.map { JSONValue($0.fewestResults) } ?? .null
                            json["shortQueries"] = verdict.map { JSONValue($0.shortQueries) } ?? .null
                            return json
                        }),
                ]
            })
    }

    /// The cheapest setting of each filter that reaches the recall asked for.
    var table: String {
        var table = MarkdownTable(["filter", "kind", "selects", "ef", "recall", "QPS", "p50 µs", "p99 µs", "short"])
        for (filter, sweep) in zip(dataset.filters, sweeps) {
            let target = filter.selectivity < 0.05 ? 0.99 : 0.95
            let points = zip(sweep.points, sweep.verdicts)
            let good = points.filter { $0.0.recall >= target }.max { $0.0.queriesPerSecond < $1.0.queriesPerSecond }
            guard let best = good ?? points.max(by: { $0.0.recall < $1.0.recall }) else { continue }
            table.add([
                filter.name, filter.kind, fixed(filter.selectivity * 100, 2) + " %", String(best.0.ef),
                fixed(best.0.recall, 4) + (good == nil ? " (below \(target))" : ""), grouped(best.0.queriesPerSecond),
                fixed(best.0.p50Microseconds, 1), fixed(best.0.p99Microseconds, 1),
                String(best.1?.shortQueries ?? 0),
            ])
        }
        return table.text
    }
}
