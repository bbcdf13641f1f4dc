import Glibc
import Quantization
import Testing

extension RandomSource {
    /// A standard normal number (Box–Muller).
    mutating func normal() -> Float {
        let u = Double.random(in: 1e-12...1, using: &self), v = Double.random(in: 0..<1, using: &self)
        return Float((-2 * log(u)).squareRoot() * cos(2 * Double.pi * v))
    }

    mutating func normals(_ count: Int, scale: Float = 1) -> [Float] { (0..<count).map { _ in normal() * scale } }

    /// Rows around cluster centres, with a decaying spectrum and an offset that all share, like embeddings.
    mutating func clustered(count: Int, dimensions: Int, clusters: Int) -> [[Float]] {
        let shared = normals(dimensions, scale: 0.5)
        let spectrum = (0..<dimensions).map { 1 / Float(1 + $0).squareRoot() + 0.05 }
        let centers = (0..<clusters).map { _ in normals(dimensions) }
        return (0..<count).map { _ in
            let center = centers[Int(below(UInt64(clusters)))]
            return (0..<dimensions).map { shared[$0] + spectrum[$0] * (center[$0] + 0.8 * normal()) }
        }
    }
}

/// The score of two vectors in the engine's sense, in doubles.
func plainScore(_ metric: Metric, _ a: [Float], _ b: [Float]) -> Double {
    var dot = 0.0, squared = 0.0, absolute = 0.0, aa = 0.0, bb = 0.0
    for (x, y) in zip(a, b) {
        let x = Double(x), y = Double(y)
        dot += x * y
        squared += (x - y) * (x - y)
        absolute += abs(x - y)
        aa += x * x
        bb += y * y
    }
    switch metric {
    case .cosine: return aa == 0 || bb == 0 ? 0 : dot / (aa * bb).squareRoot()
    case .dot: return dot
    case .euclid: return -squared
    case .manhattan: return -absolute
    }
}

/// Indices of the k greatest scores, ties by lower index.
func top(_ k: Int, _ scores: [Double]) -> [Int] {
    Array(scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }.prefix(k))
}

/// A quantizer with its rows encoded.
struct Encoded {
    let quantizer: ScalarQuantizer
    var codes: [[UInt8]] = []
    var terms: [Float] = []
    var scales: [Float] = []

    init(_ quantizer: ScalarQuantizer, rows: [[Float]]) {
        self.quantizer = quantizer
        var scratch = [Float](repeating: 0, count: quantizer.scratchCount)
        for row in rows {
            var code = [UInt8](repeating: 0xAA, count: quantizer.codeBytes)
            let (term, scale) = quantizer.encode(row: row, into: &code, scratch: &scratch)
            terms.append(term)
            scales.append(scale)
            codes.append(code)
        }
    }

    /// Approximate scores of all rows for a query.
    func scores(_ query: [Float]) -> [Float] {
        var prepared = [UInt8](repeating: 0xAA, count: quantizer.codeBytes)
        var scratch = [Float](repeating: 0, count: quantizer.scratchCount)
        let terms = quantizer.encodeQuery(query, into: &prepared, scratch: &scratch)
        return scores(prepared, terms)
    }

    /// Approximate scores of all rows for the row `index` as a query.
    func scores(fromCode index: Int) -> [Float] {
        var prepared = [UInt8](repeating: 0xAA, count: quantizer.codeBytes)
        var scratch = [Float](repeating: 0, count: quantizer.scratchCount)
        let terms = quantizer.encodeQuery(
            fromCode: codes[index], scale: scales[index], into: &prepared, scratch: &scratch)
        return scores(prepared, terms)
    }

    private func scores(_ prepared: [UInt8], _ terms: QueryTerms) -> [Float] {
        let kernel = quantizer.kernel
        return codes.indices.map { row in
            let integer = kernel.pair(prepared, codes[row], quantizer.codeBytes)
            return terms.score(integer, rowTerm: self.terms[row], rowScale: scales[row])
        }
    }
}

func trained(
    _ rows: [[Float]], _ metric: Metric, quantile: Float? = nil, seed: UInt64 = 7, dimensions: Int? = nil
) -> ScalarQuantizer {
    let dimensions = dimensions ?? rows[0].count
    return ScalarQuantizer.train(
        sample: Array(rows.joined()), count: rows.count, dimensions: dimensions, metric: metric, quantile: quantile,
        seed: seed)
}

extension Sequence where Element == Float {
    /// Whether no element is NaN or infinite.
    var allFinite: Bool { allSatisfy { $0.isFinite } }
}
