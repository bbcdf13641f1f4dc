import JSON

/// One setting of a sweep: what it costs and what it finds. Medians over passes.
struct CurvePoint: Sendable {
    /// Size of the candidate pool; 0 for exact search and for the default.
    var ef: Int
    var recall: Double
    var queriesPerSecond: Double
    var p50Microseconds: Double
    var p95Microseconds: Double
    var p99Microseconds: Double
    var effort: Effort?

    init(ef: Int, recall: Double, passes: [TimedPass]) {
        self.ef = ef
        self.recall = recall
        queriesPerSecond = median(passes.map(\.queriesPerSecond))
        p50Microseconds = median(passes.map { $0.latencies.microseconds(0.5) })
        p95Microseconds = median(passes.map { $0.latencies.microseconds(0.95) })
        p99Microseconds = median(passes.map { $0.latencies.microseconds(0.99) })
        effort = passes.last?.effort
    }

    var json: JSONValue {
        var json: JSONValue = [
            "ef": JSONValue(ef), "recall": .double(rounded(recall, 6)), "qps": .double(rounded(queriesPerSecond, 1)),
            "p50Microseconds": .double(rounded(p50Microseconds, 2)),
            "p95Microseconds": .double(rounded(p95Microseconds, 2)),
            "p99Microseconds": .double(rounded(p99Microseconds, 2)),
        ]
        if let effort {
            json["scored"] = .double(rounded(effort.scored, 1))
            json["hops"] = .double(rounded(effort.hops, 1))
        }
        return json
    }
}

/// `value` with so many digits behind the point.
func rounded(_ value: Double, _ digits: Int) -> Double {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    return (value * scale).rounded() / scale
}
