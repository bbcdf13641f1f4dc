import JSON

/// A sweep of `ef` under each of a data set's filters.
struct FilteredSweep {
    let dataset: Dataset
    let efs: [Int]
    private(set) var sweeps: [Sweep]
    /// By filter and place in `efs`: the plan that most queries took; empty until noted.
    private var plans: [[String]] = []

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

    /// Asks once, outside of the timed passes, which plan each filter's queries take at each setting.
    mutating func notePlans(_ plan: (_ filter: Dataset.FilterCase, _ ef: Int) throws -> String) rethrows {
        plans = try dataset.filters.map { filter in try efs.map { try plan(filter, $0) } }
    }

    private func plan(filter: Int, place: Int) -> String? { plans.isEmpty ? nil : plans[filter][place] }

    /// Per filter: name, kind, selectivity and the curve; `lastPassOnly` for a pass that is served.
    func json(lastPassOnly: Bool = false) -> JSONValue {
        .array(
            zip(dataset.filters, sweeps).enumerated().map { number, pair in
                let (filter, sweep) = pair
                let points = lastPassOnly ? sweep.lastPoints : sweep.points
                return [
                    "name": .string(filter.name), "kind": .string(filter.kind),
                    "selectivity": .double(filter.selectivity),
                    "points": .array(
                        zip(points, sweep.verdicts).enumerated().map { place, pair in
                            let (point, verdict) = pair
                            var json = point.json
                            json["fewestResults"] = verdict.map { JSONValue($0.fewestResults) } ?? .null
                            json["shortQueries"] = verdict.map { JSONValue($0.shortQueries) } ?? .null
                            if let plan = plan(filter: number, place: place) { json["plan"] = .string(plan) }
                            return json
                        }),
                ]
            })
    }

    /// The cheapest setting of each filter that reaches the recall asked for.
    var table: String {
        var table = MarkdownTable([
            "filter", "kind", "selects", "plan", "ef", "recall", "QPS", "p50 µs", "p99 µs", "short",
        ])
        for (number, filter) in dataset.filters.enumerated() {
            let target = filter.selectivity < 0.05 ? 0.99 : 0.95
            let points = sweeps[number].points
            let good = points.indices.filter { points[$0].recall >= target }
                .max { points[$0].queriesPerSecond < points[$1].queriesPerSecond }
            guard let place = good ?? points.indices.max(by: { points[$0].recall < points[$1].recall }) else {
                continue
            }
            let best = points[place]
            table.add([
                filter.name, filter.kind, fixed(filter.selectivity * 100, 2) + " %",
                plan(filter: number, place: place) ?? "", String(best.ef),
                fixed(best.recall, 4) + (good == nil ? " (below \(target))" : ""), grouped(best.queriesPerSecond),
                fixed(best.p50Microseconds, 1), fixed(best.p99Microseconds, 1),
                String(sweeps[number].verdicts[place]?.shortQueries ?? 0),
            ])
        }
        return table.text
    }
}
