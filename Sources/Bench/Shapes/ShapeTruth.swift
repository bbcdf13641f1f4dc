import Quantization

/// The exact k-th score of each query, and the judge of results by it.
package enum ShapeTruth {
    /// Queries that are compared with a row while it is in the cache.
    private static let block = 16

    /// Compares every query with every row that may be its result: in single precision first, and in double precision
    /// what may be among the k best whatever the rounding did.
    ///
    /// - Complexity: O(queries × rows × dimensions), spread over the cores.
    package static func judge(_ data: ShapeData, metric: Metric, k: Int) throws -> Judge {
        let (rows, queries) = (data.base, data.queries)
        let matches = data.matches
        let norms = (0..<rows.count).map { RoughScore.norm(rows.row($0)) }
        let gathered = Gathered<(query: Int, best: [Double])>()
        let threads = Affinity.allowedCores().count
        try onThreads(threads) { thread in
            var scores = [[Float]](repeating: Array(repeating: 0, count: rows.count), count: block)
            for start in stride(from: thread * block, to: queries.count, by: threads * block) {
                let rough = (start..<min(start + block, queries.count)).map {
                    RoughScore(queries.row($0), rows: rows, metric: metric)
                }
                for row in 0..<rows.count {
                    for place in rough.indices { scores[place][row] = rough[place].score(row) }
                }
                for place in rough.indices {
                    let query = start + place
                    let candidates = (0..<rows.count).filter { matches(query, $0) }
                    let best = greatest(k, among: candidates) { row in
                        let score = scores[place][row]
                        let error = rough[place].error(of: score, rowNorm: norms[row])
                        return (Double(score) - error, Double(score) + error)
                    } exact: { row in
                        ExactScore.score(queries.row(query), rows.row(row), metric)
                    }
                    gathered.append((query, best))
                }
            }
        }
        let best = gathered.elements.sorted { $0.query < $1.query }.map(\.best)
        return Judge(
            rows: rows, queries: queries, metric: metric, k: k, thresholds: best.map { $0.last ?? 0 },
            expected: best.map(\.count), tolerance: { tolerance($0, metric) }, matches: matches)
    }

    /// By how much a hit's score may be less than the k-th: what float32 can't tell. Distances are told apart relative to
    /// their size, so that near-copies are.
    package static func tolerance(_ threshold: Double, _ metric: Metric) -> Double {
        switch metric {
        case .cosine: 2e-7
        case .dot, .euclid, .manhattan: 1e-6 * threshold.magnitude
        }
    }

    /// The k greatest exact scores, best first. Only candidates whose upper bound reaches the k-th lower bound are scored
    /// exactly: k rows have at least that score.
    private static func greatest(
        _ k: Int, among candidates: [Int], bounds: (Int) -> (lower: Double, upper: Double), exact: (Int) -> Double
    ) -> [Double] {
        var lower = GreatestValues(k)
        for row in candidates { lower.offer(bounds(row).lower) }
        guard let least = lower.values.last else { return [] }
        var best = GreatestValues(k)
        for row in candidates where bounds(row).upper >= least { best.offer(exact(row)) }
        return best.values
    }
}

/// The greatest of the values that were offered.
struct GreatestValues {
    private let capacity: Int
    /// At most `capacity` values, the greatest first.
    private(set) var values: [Double] = []

    init(_ capacity: Int) { self.capacity = capacity }

    mutating func offer(_ value: Double) {
        if values.count == capacity {
            guard let last = values.last, value > last else { return }
            values.removeLast()
        }
        values.insert(value, at: values.firstIndex { $0 < value } ?? values.count)
    }
}
