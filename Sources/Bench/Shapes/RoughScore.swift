import Quantization

/// Scores in single precision with bounds on their errors: fast enough to compare each query with every row.
struct RoughScore {
    private typealias Lanes = SIMD16<Float>

    private let rows: FloatRows
    private let query: UnsafeBufferPointer<Float>
    private let metric: Metric
    /// Error of a sum as a share of the sum of its terms' absolute values.
    private let relativeError: Double
    /// Length of the query.
    private let queryNorm: Double

    init(_ query: UnsafeBufferPointer<Float>, rows: FloatRows, metric: Metric) {
        self.rows = rows
        self.query = query
        self.metric = metric
        // Each of 2 × 16 partial sums rounds dimensions / 32 times, adding them up 16 times, and a term three times; twice
        // that, so that products of errors need no thought.
        relativeError = Double(query.count / 32 + 24) * 0x1p-23
        queryNorm = Self.norm(query)
    }

    /// The score of a row; greater is closer.
    func score(_ row: Int) -> Float {
        guard let a = query.baseAddress, let b = rows.row(row).baseAddress else { return 0 }
        let count = query.count
        switch metric {
        case .cosine, .dot: return Self.sum(a, b, count) { $0 * $1 }
        case .euclid:
            return -Self.sum(a, b, count) {
                let difference = $0 - $1
                return difference * difference
            }
        case .manhattan:
            return -Self.sum(a, b, count) {
                let difference = $0 - $1
                return difference.replacing(with: -difference, where: difference .< 0)
            }
        }
    }

    /// The most by which `score`, a row's score, can be off.
    ///
    /// - Parameter rowNorm: the row's length.
    func error(of score: Float, rowNorm: Double) -> Double {
        switch metric {
        case .cosine, .dot: relativeError * queryNorm * rowNorm
        // All terms have one sign. So rows that nearly equal the query are told apart as well as others.
        case .euclid, .manhattan: relativeError * Double(score.magnitude)
        }
    }

    static func norm(_ values: UnsafeBufferPointer<Float>) -> Double {
        values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
    }

    @inline(__always)
    private static func sum(
        _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int, _ term: (Lanes, Lanes) -> Lanes
    ) -> Float {
        var (first, second) = (Lanes.zero, Lanes.zero)
        var index = 0
        while index + 32 <= count {
            first += term(lanes(a + index), lanes(b + index))
            second += term(lanes(a + index + 16), lanes(b + index + 16))
            index += 32
        }
        while index < count {
            // Zeros behind the last element add nothing by any metric.
            first += term(lanes(a + index, count: count - index), lanes(b + index, count: count - index))
            index += 16
        }
        return (first + second).sum()
    }

    @inline(__always)
    private static func lanes(_ values: UnsafePointer<Float>) -> Lanes {
        UnsafeRawPointer(values).loadUnaligned(as: Lanes.self)
    }

    private static func lanes(_ values: UnsafePointer<Float>, count: Int) -> Lanes {
        guard count < 16 else { return lanes(values) }
        var part = Lanes.zero
        for lane in 0..<count { part[lane] = values[lane] }
        return part
    }
}
