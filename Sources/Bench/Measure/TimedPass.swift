/// One walk over all queries, each a call of its own.
struct TimedPass: Sendable {
    var queriesPerSecond: Double
    var latencies: Latencies
    /// What the index did for a query, where it tells.
    var effort: Effort?

    /// Calls `search` once for each query and times each call. Results of query `q` go into its k places of `ids`,
    /// which hold −1 before. Nothing is judged or allocated by the harness inside of the timed loop.
    static func run(
        queries: Int, k: Int, ids: inout [Int64],
        _ search: (Int, UnsafeMutableBufferPointer<Int64>) throws -> Void
    ) rethrows -> TimedPass {
        precondition(ids.count == queries * k)
        var durations = [UInt64](repeating: 0, count: queries)
        var seconds = 0.0
        try ids.withUnsafeMutableBufferPointer { ids in
            ids.update(repeating: -1)
            try durations.withUnsafeMutableBufferPointer { durations in
                let start = nowNanoseconds()
                var last = start
                for query in 0..<queries {
                    try search(query, UnsafeMutableBufferPointer(rebasing: ids[query * k..<(query + 1) * k]))
                    let now = nowNanoseconds()
                    durations[query] = now &- last
                    last = now
                }
                seconds = Double(last - start) / 1e9
            }
        }
        return TimedPass(queriesPerSecond: Double(queries) / seconds, latencies: Latencies(durations))
    }

    /// The same with the queries dealt out to several threads. `search` is called from all of them.
    static func run(
        queries: Int, k: Int, threads: Int, ids: inout [Int64],
        _ search: @escaping @Sendable (Int, UnsafeMutableBufferPointer<Int64>) throws -> Void
    ) throws -> TimedPass {
        guard threads > 1 else { return try run(queries: queries, k: k, ids: &ids, search) }
        let parts = Gathered<(first: Int, ids: [Int64], durations: [UInt64])>()
        let start = nowNanoseconds()
        try onThreads(threads) { thread in
            let range = queries * thread / threads..<queries * (thread + 1) / threads
            guard !range.isEmpty else { return }
            var part = [Int64](repeating: -1, count: range.count * k)
            let pass = try run(queries: range.count, k: k, ids: &part) { query, out in
                try search(range.lowerBound + query, out)
            }
            parts.append((range.lowerBound, part, pass.latencies.sorted))
        }
        let seconds = Double(nowNanoseconds() - start) / 1e9
        for part in parts.elements {
            ids.replaceSubrange(part.first * k..<part.first * k + part.ids.count, with: part.ids)
        }
        return TimedPass(
            queriesPerSecond: Double(queries) / seconds, latencies: Latencies(parts.elements.flatMap(\.durations)))
    }
}
