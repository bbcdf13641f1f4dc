import Quantization

/// Decides which results are hits.
///
/// A result is a hit if its exact score is at least that of the query's exact k-th neighbour minus a tolerance; a row
/// counts once however often it is returned, and a row that the filter excludes never. Recall is hits ÷ min(k, number of
/// rows that match), averaged over the queries.
package struct Judge: Sendable {
    /// By how much a hit's score may be less than the k-th, unless a tolerance is given.
    static let usualTolerance = 1e-6

    let rows: FloatRows
    let queries: FloatRows
    let metric: Metric
    package let k: Int
    /// The exact score of each query's last neighbour within k.
    package let thresholds: [Double]
    /// How many results each query must have: min(k, matches).
    let expected: [Int]
    /// By how much a hit's score may be less than the query's threshold.
    let tolerances: [Double]
    /// Whether a row may be a result of a query at all; `nil`: every row.
    let matches: (@Sendable (_ query: Int, _ row: Int) -> Bool)?

    package struct Verdict: Sendable {
        package var recall: Double
        /// Smallest number of results of a query that has k matches; `k` when all is well.
        package var fewestResults: Int
        /// Queries with fewer results than they must have.
        package var shortQueries: Int
    }

    /// `scores` holds each query's exact scores, best first; at least `k` a query.
    package init(
        rows: FloatRows, queries: FloatRows, metric: Metric, k: Int, scores: MappedMatrix
    ) throws {
        guard scores.rows >= queries.count, scores.columns >= k else {
            throw BenchError(
                "\(scores.file.path): has \(scores.rows) × \(scores.columns) scores; \(queries.count) × \(k) are needed"
            )
        }
        self.rows = rows
        self.queries = queries
        self.metric = metric
        self.k = k
        thresholds = try (0..<queries.count).map { Double(try scores.floats($0)[k - 1]) }
        guard thresholds.allSatisfy(\.isFinite) else {
            throw BenchError("\(scores.file.path): has scores that are NaN or infinite")
        }
        expected = Array(repeating: k, count: queries.count)
        tolerances = Array(repeating: Self.usualTolerance, count: queries.count)
        matches = nil
    }

    /// - Parameters:
    ///   - thresholds: each query's exact k-th score, or its last if fewer rows match; any number where none does.
    ///   - expected: min(k, rows that match) for each query.
    ///   - tolerance: by how much a hit's score may be less than the threshold.
    package init(
        rows: FloatRows, queries: FloatRows, metric: Metric, k: Int, thresholds: [Double], expected: [Int],
        tolerance: (_ threshold: Double) -> Double,
        matches: @escaping @Sendable (_ query: Int, _ row: Int) -> Bool
    ) {
        precondition(thresholds.count == queries.count && expected.count == queries.count)
        self.rows = rows
        self.queries = queries
        self.metric = metric
        self.k = k
        self.thresholds = thresholds
        self.expected = expected
        tolerances = thresholds.map(tolerance)
        self.matches = matches
    }

    /// `neighbours` holds each query's exact nearest rows, best first, padded with −1 where fewer match.
    package init(
        rows: FloatRows, queries: FloatRows, metric: Metric, k: Int, neighbours: (Int) throws -> [Int],
        matches: (@Sendable (_ query: Int, _ row: Int) -> Bool)? = nil
    ) throws {
        self.rows = rows
        self.queries = queries
        self.metric = metric
        self.k = k
        var thresholds: [Double] = []
        var expected: [Int] = []
        for query in 0..<queries.count {
            let nearest = try neighbours(query).prefix(k).prefix { $0 >= 0 }
            guard nearest.allSatisfy({ $0 < rows.count }) else {
                throw BenchError("the true neighbours of query \(query) name a row that the base doesn't have")
            }
            // The worst of them: two rows that float32 can't tell apart may be listed in either order.
            let scores = nearest.map { ExactScore.score(queries.row(query), rows.row($0), metric) }
            thresholds.append(scores.min() ?? .infinity)
            expected.append(nearest.count)
        }
        self.thresholds = thresholds
        self.expected = expected
        tolerances = Array(repeating: Self.usualTolerance, count: queries.count)
        self.matches = matches
    }

    /// `ids` is queries × k, padded with −1.
    package func verdict(_ ids: [Int64]) -> Verdict {
        let recalls = recalls(ids).compactMap { $0 }
        var fewest = k
        var short = 0
        for query in 0..<queries.count {
            let count = results(ids, query).count
            if count < expected[query] { short += 1 }
            if expected[query] == k { fewest = min(fewest, count) }
        }
        return Verdict(
            recall: recalls.isEmpty ? 1 : recalls.reduce(0, +) / Double(recalls.count), fewestResults: fewest,
            shortQueries: short)
    }

    /// Each query's recall, `nil` where no row matches. `ids` is queries × k, padded with −1.
    package func recalls(_ ids: [Int64]) -> [Double?] {
        precondition(ids.count == queries.count * k)
        return (0..<queries.count).map { query in
            guard expected[query] > 0 else { return nil }
            let hits = results(ids, query).count { id in
                if let matches, !matches(query, Int(id)) { return false }
                return ExactScore.score(queries.row(query), rows.row(Int(id)), metric) >= thresholds[query]
                    - tolerances[query]
            }
            return Double(min(hits, expected[query])) / Double(expected[query])
        }
    }

    /// The rows that a query was answered with, each once.
    private func results(_ ids: [Int64], _ query: Int) -> Set<Int64> {
        Set(ids[query * k..<(query + 1) * k].filter { $0 >= 0 && $0 < rows.count })
    }
}
