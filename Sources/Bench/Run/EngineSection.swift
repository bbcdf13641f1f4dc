import Foundation
import JSON

/// The engine in process: durable upserts, the same curve as the index's, filters, reopening.
enum EngineSection {
    static func measure(
        _ dataset: Dataset, _ settings: IndexBench.Settings, _ options: RunOptions, storage: String,
        _ report: inout RunReport
    ) throws {
        note("filling an engine")
        let bench = try EngineBench(dataset: dataset, storage: storage, settings, batch: options.batch)
        var sweep = Sweep(
            efs: [0] + (try parseSweep(options.ef)), queries: dataset.queries.count, k: options.data.k,
            judge: dataset.judge)
        var filtered = FilteredSweep(dataset: dataset, efs: try parseSweep(options.filterEf, zeroIsDefault: true))
        try Affinity.whilePinned(to: options.pass.pin) {
            for pass in 1...options.pass.passes {
                note("  engine, pass \(pass) of \(options.pass.passes)")
                try sweep.runPass { try bench.pass(ef: $0, k: options.data.k, threads: 1, ids: &$1) }
            }
            for pass in 1...min(options.pass.passes, 3) where !dataset.filters.isEmpty {
                note("  filtered, pass \(pass) of \(min(options.pass.passes, 3))")
                try filtered.runPass { filter, ef, ids in
                    try bench.pass(ef: ef, k: options.data.k, threads: 1, filter: { filter.filter(for: $0) }, ids: &ids)
                }
            }
        }
        try filtered.notePlans { try bench.commonPlan(ef: $1, k: options.data.k, filter: $0) }
        let memory = try bench.engine.memory(EngineBench.collection)
        try bench.engine.close()
        let (reopened, opening) = try measured {
            let engine = try EngineBench.open(storage, indexingThreads: settings.buildThreads)
            try EngineBench.firstSearch(engine, dataset)
            return engine
        }
        try reopened.close()
        let rows = Double(dataset.rows.count)
        let filling = bench.filling
        report.json["engine"] = [
            "upsert": [
                "batch": JSONValue(options.batch), "seconds": .double(rounded(filling.upsert.seconds, 3)),
                "pointsPerSecond": .double(rounded(rows / filling.upsert.seconds, 1)),
                "secondsUntilGreen": .double(rounded(filling.untilIndexed.seconds, 3)),
                "cpuSecondsUntilGreen": .double(rounded(filling.untilIndexed.cpuSeconds, 3)),
            ],
            "anonymousBytes": JSONValue(filling.anonymousBytes),
            "residentBytes": JSONValue(memory.resident), "mappedBytes": JSONValue(memory.mapped),
            "residentBytesPerPoint": .double(rounded(Double(filling.anonymousBytes) / rows, 1)),
            "fileBytes": JSONValue(fileBytes(at: storage)),
            "openSeconds": .double(rounded(opening.seconds, 4)),
            "points": sweep.json, "filtered": filtered.json(),
        ]
        report.add(
            "Engine in process, one thread",
            """
            \(grouped(rows / filling.upsert.seconds)) durable upserts a second in batches of \(options.batch) by one \
            writer; everything indexed after \(fixed(filling.untilIndexed.seconds, 1)) s \
            (\(fixed(filling.untilIndexed.cpuSeconds, 1)) CPU s). The process grew by \
            \(fixed(Double(filling.anonymousBytes) / rows, 0)) bytes of anonymous memory a point, payload indexes \
            included; files \(megabytes(fileBytes(at: storage))). Opened again, with the first search answered, in \
            \(fixed(opening.seconds * 1e3, 0)) ms. ef 0 is the engine's default.

            \(sweep.table)
            """)
        if !dataset.filters.isEmpty {
            report.add(
                "Filtered searches, one thread",
                """
                The fastest setting that reaches recall 0.95 (0.99 where less than 5 % match). *plan*: the one that most \
                queries took (`explain` in docs/ARCHITECTURE.md). *short*: queries that got \
                fewer than k results although k match.

                \(filtered.table)
                """)
        }
    }
}
