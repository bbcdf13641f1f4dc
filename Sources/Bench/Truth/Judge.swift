import Quantization

/// Decides which results are hits.
///
/// A result is a hit if its exact score is at least that of the query's exact k-th neighbour minus 1e-6; a row counts
/// once however often it is returned, and a row that the filter excludes never. Recall is hits ÷ min(k, number of rows that match), averaged over the queries.
package struct Judge: Sendable {
    static let tolerance = 1e-6

    let rows: FloatRows
    let queries: FloatRows
    let metric: Metric
    package let k: Int
    /// The exact score of each query's last neighbour within k.
    package let thresholds: [Double]
    /// How many results each query must have: min(k, matches).
    let expected: [Int]
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
        matches = nil
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
        self.matches = matches
    }

    /// `ids` is queries × k, padded with −1.
    package func verdict(_ ids: [Int64]) -> Verdict {
        precondition(ids.count == queries.count * k)
        var recall = 0.0
        var judged = 0
        var fewest = k
        var short = 0
        for query in 0..<queries.count {
            let results = Set(ids[query * k..<(query + 1) * k].filter { $0 >= 0 && $0 < rows.count })
            if results.count < expected[query] { short += 1 }
            if expected[query] == k { fewest = min(fewest, results.count) }
            guard expected[query] > 0 else { continue }
            judged += 1
            let hits = results.count { id in
                if let matches, !matches(query, Int(id)) { return false }
                return ExactScore.score(queries.row(query), rows.row(Int(id)), metric) >= thresholds[query]
                    - Self.tolerance
            }
            recall += Double(min(hits, expected[query])) / Double(expected[query])
        }
        return Verdict(recall: judged > 0 ? recall / Double(judged) : 1, fewestResults: fewest, shortQueries: short)
    }
}
