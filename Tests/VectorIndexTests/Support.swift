import Foundation
import Quantization
import Synchronization
import TestSupport
import Testing
import VectorIndex

/// The seed of this run's random tests. Printed by every failing expectation that uses it.
enum Seed {
    static let value = SeededGenerator.seedOfRun
    static var note: Comment { "replay with TRENDEX_SEED=\(value)" }
}

extension RandomSource {
    /// Roughly standard normal.
    mutating func normal() -> Float {
        var sum: Float = 0
        for _ in 0..<4 { sum += Float.random(in: -1...1, using: &self) }
        return sum * 0.866
    }
}

extension SearchOptions {
    /// The same by a walk, whatever a scan would cost.
    var walking: SearchOptions {
        var options = self
        options.prefersGraph = true
        return options
    }
}

/// Stored rows that grow in place up to a capacity, as an append-only file does.
final class Rows: @unchecked Sendable {
    let parameters: IndexParameters
    let capacity: Int
    let base: UnsafeMutableRawPointer
    private(set) var count = 0
    private var owner: Rows { self }

    init(_ parameters: IndexParameters, capacity: Int) {
        self.parameters = parameters
        self.capacity = capacity
        base = .allocate(byteCount: max(capacity * parameters.rowBytes, 64), alignment: 64)
    }

    deinit { base.deallocate() }

    var matrix: RowMatrix { RowMatrix(base: base, rowBytes: parameters.rowBytes, owner: self) }

    func append(_ vector: [Float]) {
        precondition(count < capacity && vector.count == parameters.dimensions)
        var vector = vector
        if parameters.metric == .cosine, parameters.element != .uint8 { Normalization.normalize(&vector) }
        let row = parameters.element.row(of: vector).bytes
        row.withUnsafeBytes {
            (base + count * parameters.rowBytes).copyMemory(from: $0.baseAddress!, byteCount: row.count)
        }
        count += 1
    }

    /// The rows so far as a mapping of their own, which ends at a page that can't be touched and goes with its last
    /// user: as a file's mapping that is replaced when the file grows. Whoever reads a row too far, or too late, crashes.
    func guardedMatrix() -> RowMatrix {
        let byteCount = count * parameters.rowBytes
        let mapping = GuardedMapping(byteCount: byteCount)
        mapping.base.copyMemory(from: base, byteCount: byteCount)
        return RowMatrix(base: mapping.base, rowBytes: parameters.rowBytes, owner: mapping)
    }

    /// The stored row as floats.
    func vector(_ slot: Int) -> [Float] {
        parameters.element.read(UnsafeRawPointer(base) + slot * parameters.rowBytes, dimensions: parameters.dimensions)
    }

    /// The score by plain arithmetic in doubles.
    func score(_ query: [Float], _ slot: Int) -> Double {
        let row = vector(slot)
        var sum = 0.0
        var squares = 0.0
        for (q, r) in zip(query, row) {
            let (q, r) = (Double(q), Double(r))
            switch parameters.metric {
            case .cosine, .dot: sum += q * r
            case .euclid: sum -= (q - r) * (q - r)
            case .manhattan: sum -= abs(q - r)
            }
            squares += r * r
        }
        if parameters.metric == .cosine, parameters.element == .uint8 {
            return squares == 0 ? 0 : sum / squares.squareRoot()
        }
        return sum
    }

    /// The sum of the products' amounts. The rounding of a product in single precision grows with it: where products of
    /// either sign cancel out, it is far more than the score.
    func magnitude(_ query: [Float], _ slot: Int) -> Double {
        guard parameters.metric == .dot else { return 0 }
        return zip(query, vector(slot)).reduce(0) { $0 + abs(Double($1.0) * Double($1.1)) }
    }
}

/// Memory whose end lies against a page that can't be touched.
final class GuardedMapping: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    private let mapping: UnsafeMutableRawPointer
    private let mappedBytes: Int

    init(byteCount: Int) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        mappedBytes = (byteCount + page - 1) / page * page + page
        mapping = mmap(nil, mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        mprotect(mapping + (mappedBytes - page), page, PROT_NONE)
        base = mapping + (mappedBytes - page - byteCount)
    }

    deinit { munmap(mapping, mappedBytes) }
}

/// Vectors in clusters of very different sizes, as embeddings are.
struct ClusteredVectors {
    private var random: RandomSource
    private let centers: [[Float]]
    let parameters: IndexParameters
    private let noise: Float
    /// What vectors are multiplied by, at random.
    private let lengths: ClosedRange<Float>

    init(
        _ parameters: IndexParameters, clusters: Int, noise: Float = 0.5, lengths: ClosedRange<Float> = 1...1,
        seed: UInt64
    ) {
        var random = RandomSource(seed: seed)
        centers = (0..<clusters).map { _ in (0..<parameters.dimensions).map { _ in random.normal() } }
        self.random = random
        self.parameters = parameters
        self.noise = noise
        self.lengths = lengths
    }

    mutating func next() -> [Float] {
        // Squaring makes early clusters large.
        let share = Float.random(in: 0..<1, using: &random)
        let center = centers[Int(share * share * Float(centers.count))]
        var vector = center.map { $0 + noise * random.normal() }
        if parameters.element == .uint8 { vector = vector.map { min(max(($0 + 4) * 31, 0), 255) } }
        if lengths != 1...1 {
            let length = Float.random(in: lengths, using: &random)
            vector = vector.map { $0 * length }
        }
        return parameters.element == .uint8 ? vector.map { $0.rounded() } : vector
    }

    /// As the engine would ask.
    mutating func query() -> [Float] {
        var vector = next()
        if parameters.metric == .cosine { Normalization.normalize(&vector) }
        return vector
    }
}

extension VectorIndex {
    func search(_ query: [Float], _ options: SearchOptions, allowed: SlotBitmap? = nil) -> SearchOutcome {
        query.withUnsafeBufferPointer { search($0, options, allowed: allowed) }
    }

    func score(_ query: [Float], slot: UInt32) -> Float { query.withUnsafeBufferPointer { score($0, slot: slot) } }

    /// Works until nothing is left, on some threads.
    func drain(threads: Int = 2) {
        onThreads(threads) { _ in
            while work(limit: 64) > 0 {}
        }
    }
}

extension SlotBitmap {
    convenience init(count: Int, where isAllowed: (Int) -> Bool) {
        var words = [UInt64](repeating: 0, count: (count + 63) / 64)
        for slot in 0..<count where isAllowed(slot) { words[slot / 64] |= 1 << UInt64(slot % 64) }
        self.init(words: words)
    }
}

/// The k best scores among the slots, by plain arithmetic, best first.
func bestScores(_ rows: Rows, _ query: [Float], k: Int, among slots: [Int]) -> [Double] {
    Array(slots.map { rows.score(query, $0) }.sorted(by: >).prefix(k))
}

/// The share of hits that are as good as the k-th best.
func recall(_ outcome: SearchOutcome, _ rows: Rows, _ query: [Float], best: [Double]) -> Double {
    guard let worst = best.last else { return 1 }
    let tolerance = 1e-5 * max(1, abs(worst))
    let good = outcome.hits.filter { rows.score(query, Int($0.slot)) >= worst - tolerance }.count
    return Double(min(good, best.count)) / Double(best.count)
}

/// What holds for every outcome whatever its recall: distinct, allowed, ordered, rightly scored, as many as there can be.
func expectSound(
    _ outcome: SearchOutcome, _ rows: Rows, _ query: [Float], k: Int, allowed: Set<Int>,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(outcome.hits.count == min(k, allowed.count), Seed.note, sourceLocation: sourceLocation)
    #expect(Set(outcome.hits.map(\.slot)).count == outcome.hits.count, Seed.note, sourceLocation: sourceLocation)
    for hit in outcome.hits {
        #expect(allowed.contains(Int(hit.slot)), Seed.note, sourceLocation: sourceLocation)
        let score = rows.score(query, Int(hit.slot))
        let rounding = 2e-6 * rows.magnitude(query, Int(hit.slot))
        #expect(
            abs(Double(hit.score) - score) <= 1e-4 * max(1, abs(score)) + rounding, Seed.note,
            sourceLocation: sourceLocation)
    }
    for (a, b) in zip(outcome.hits, outcome.hits.dropFirst()) {
        #expect(
            a.score > b.score || (a.score == b.score && a.slot < b.slot), Seed.note, sourceLocation: sourceLocation)
    }
}

/// A file in memory.
final class MemoryFile: IndexByteSink, IndexByteSource {
    var bytes: [UInt8] = []

    func write(_ new: UnsafeRawBufferPointer, at offset: Int) {
        if bytes.count < offset + new.count {
            bytes.append(contentsOf: repeatElement(0, count: offset + new.count - bytes.count))
        }
        bytes.replaceSubrange(offset..<offset + new.count, with: new)
    }

    func byteCount() -> Int { bytes.count }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        let count = min(buffer.count, bytes.count - offset)
        buffer.copyBytes(from: bytes[offset..<offset + count])
        return count
    }
}
