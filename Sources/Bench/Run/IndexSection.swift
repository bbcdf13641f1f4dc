import JSON

/// The index alone, in process: build, the recall/QPS curve on one core, memory, file.
enum IndexSection {
    static func measure(
        _ dataset: Dataset, _ settings: IndexBench.Settings, _ options: RunOptions, _ report: inout RunReport
    ) throws {
        note("building the index on \(settings.buildThreads) threads")
        let bench = try IndexBench(rows: dataset.rows, settings)
        let files = try bench.saveAndLoad()
        var sweep = Sweep(
            efs: try parseSweep(options.ef), queries: dataset.queries.count, k: options.data.k, judge: dataset.judge)
        var exact = Sweep(efs: [0], queries: dataset.queries.count, k: options.data.k, judge: dataset.judge)
        let search = IndexBench.SearchSettings(k: options.data.k)
        try Affinity.whilePinned(to: options.pass.pin) {
            for pass in 1...options.pass.passes {
                note("  index, pass \(pass) of \(options.pass.passes)")
                try sweep.runPass { try bench.pass(dataset.queries, ef: $0, search, threads: 1, ids: &$1) }
            }
            note("  exact search")
            var everything = search
            everything.isExact = true
            try exact.runPass { try bench.pass(dataset.queries, ef: $0, everything, threads: 1, ids: &$1) }
        }
        report.json["index"] = [
            "build": bench.buildJSON, "residentBytesPerPoint": .double(rounded(bench.residentBytesPerPoint, 1)),
            "indexBytes": JSONValue(bench.index.memory.total), "anonymousBytes": JSONValue(bench.anonymousBytes),
            "fileBytes": JSONValue(files.bytes), "loadSeconds": .double(rounded(files.loadSeconds, 4)),
            "points": sweep.json, "exact": exact.json,
        ]
        report.add(
            "Index in process, one thread",
            """
            Built in \(fixed(bench.build.seconds, 2)) s on \(settings.buildThreads) threads \
            (\(fixed(bench.build.cpuSeconds, 1)) CPU s); \(fixed(bench.residentBytesPerPoint, 0)) resident bytes a point; \
            file \(megabytes(files.bytes)), loaded in \(fixed(files.loadSeconds * 1e3, 1)) ms.

            \(sweep.table)

            Exact search: recall \(fixed(exact.points[0].recall, 4)), \
            \(fixed(exact.points[0].queriesPerSecond, 1)) QPS.
            """)
    }
}
