import Quantization

/// The harness's own scores, in double precision: it judges an engine by nothing that the engine computed.
package enum ExactScore {
    /// Greater is closer: dot product (cosine: of normalised rows), −squared distance, −L1 distance.
    static func score(_ a: UnsafeBufferPointer<Float>, _ b: UnsafeBufferPointer<Float>, _ metric: Metric) -> Double {
        precondition(a.count == b.count)
        var sum = SIMD8<Double>.zero
        var index = 0
        while index + 8 <= a.count {
            sum += term(lanes(a, index), lanes(b, index), metric)
            index += 8
        }
        var total = sum.sum()
        while index < a.count {
            let (x, y) = (Double(a[index]), Double(b[index]))
            switch metric {
            case .cosine, .dot: total += x * y
            case .euclid: total -= (x - y) * (x - y)
            case .manhattan: total -= abs(x - y)
            }
            index += 1
        }
        return total
    }

    @inline(__always)
    private static func lanes(_ values: UnsafeBufferPointer<Float>, _ index: Int) -> SIMD8<Double> {
        SIMD8<Double>(UnsafeRawPointer(values.baseAddress! + index).loadUnaligned(as: SIMD8<Float>.self))
    }

    @inline(__always)
    private static func term(_ x: SIMD8<Double>, _ y: SIMD8<Double>, _ metric: Metric) -> SIMD8<Double> {
        switch metric {
        case .cosine, .dot: return x * y
        case .euclid:
            let difference = x - y
            return -(difference * difference)
        case .manhattan:
            let difference = x - y
            return difference.replacing(with: -difference, where: difference .> 0)
        }
    }

    /// The `k` best rows of each query and their scores, best first, by comparing with every row.
    ///
    /// `matches(query, row)` limits the rows. Complexity: O(queries × rows × dimensions), spread over the cores.
    package static func best(
        _ k: Int, rows: FloatRows, queries: FloatRows, metric: Metric, label: String,
        matches: (@Sendable (Int, Int) -> Bool)? = nil
    ) throws -> [[(row: Int, score: Double)]] {
        let threads = Affinity.allowedCores().count
        let gathered = Gathered<(query: Int, best: [(row: Int, score: Double)])>()
        try onThreads(threads) { thread in
            let progress = Progress(label, total: queries.count)
            for query in stride(from: thread, to: queries.count, by: threads) {
                var best: [(row: Int, score: Double)] = []
                let values = queries.row(query)
                for row in 0..<rows.count {
                    if let matches, !matches(query, row) { continue }
                    let score = score(values, rows.row(row), metric)
                    if best.count == k, let last = best.last, score <= last.score { continue }
                    let place = best.firstIndex { $0.score < score } ?? best.count
                    best.insert((row, score), at: place)
                    if best.count > k { best.removeLast() }
                }
                gathered.append((query, best))
                if thread == 0 { progress.update(query) }
            }
        }
        return gathered.elements.sorted { $0.query < $1.query }.map(\.best)
    }
}
