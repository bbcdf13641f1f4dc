import JSON
import Quantization

/// Points whose vectors are checked, normalised and rounded to stored rows, on the caller's thread, so that
/// the writer thread only copies bytes.
struct PreparedPoints: Sendable {
    struct Point: Sendable {
        var id: PointID
        /// The vectors that were given.
        var vectors: UInt64
        var payload: Payload
        /// The payload's values, if payload indexes will want them.
        var parsed: JSONValue?
    }

    private(set) var points: [Point] = []
    /// What they take of memory, about: payloads twice if they are parsed.
    var bytes: Int {
        columns.reduce(0) { $0 + $1.rows.count }
            + points.reduce(0) { $0 + MemoryLayout<Point>.stride + $1.payload.json.count * ($1.parsed == nil ? 1 : 4) }
    }
    /// One vector of all points.
    struct Column: Sendable {
        let id: VectorID
        let name: ByteString
        let bit: UInt64
        let rowBytes: Int
        /// One row a point, zeros where it has no such vector; empty when no point has one.
        fileprivate(set) var rows: [UInt8] = []
    }

    /// The vectors that some point has, in the order of their bits.
    private(set) var columns: [Column]

    /// Throws `.invalid` naming the vector for unknown names, wrong dimensions and values that can't be stored.
    init(
        _ input: [(id: PointID, vectors: NamedVectors, payload: Payload)], configuration: CollectionConfiguration,
        parsingPayloads: Bool
    ) throws {
        let registry = configuration.vectorRegistry
        let names = configuration.vectors.keys
        let parameters = Array(configuration.vectors.values)
        columns = configuration.vectors.map { name, parameters in
            let entry = registry.entries[name]!
            return Column(id: entry.id, name: name, bit: 1 << UInt64(entry.bit), rowBytes: parameters.rowBytes)
        }
        points.reserveCapacity(input.count)
        for (index, point) in input.enumerated() {
            var mask: UInt64 = 0
            for (name, vector) in point.vectors {
                guard let number = names.firstIndex(of: name) else { throw unknownVector(name.string) }
                let row = try storedRow(vector, parameters[number])
                mask |= columns[number].bit
                columns[number].append(row, at: index, of: input.count)
            }
            var prepared = Point(id: point.id, vectors: mask, payload: point.payload)
            if parsingPayloads { prepared.parsed = point.payload.value }
            points.append(prepared)
        }
        columns.removeAll { $0.rows.isEmpty }
        for number in columns.indices { columns[number].fill(to: input.count) }
        columns.sort { $0.bit < $1.bit }
    }

    /// The column of a vector, if some point has it.
    func column(_ id: VectorID) -> Column? { columns.first { $0.id == id } }
}

extension PreparedPoints.Column {
    fileprivate mutating func append(_ row: [UInt8], at index: Int, of count: Int) {
        fill(to: index)
        if rows.isEmpty { rows.reserveCapacity(count * rowBytes) }
        rows.append(contentsOf: row)
    }

    fileprivate mutating func fill(to count: Int) {
        guard rows.count < count * rowBytes else { return }
        rows.append(contentsOf: repeatElement(0, count: count * rowBytes - rows.count))
    }

    /// The row of the point at `index`.
    func withRow<T>(_ index: Int, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
        try rows.withUnsafeBytes {
            try body(UnsafeRawBufferPointer(rebasing: $0[index * rowBytes..<(index + 1) * rowBytes]))
        }
    }
}

func unknownVector(_ name: String) -> EngineError { .invalid("Not existing vector name error: \(name)") }

/// Checks a vector and turns it into the bytes that are stored.
private func storedRow(_ vector: [Float], _ parameters: VectorParameters) throws -> [UInt8] {
    var vector = vector
    // Bytes can't hold unit vectors: those rows are normalised as they are scored.
    try prepare(&vector, parameters, normalizing: parameters.element != .uint8)
    let (bytes, unrepresentable) = parameters.element.row(of: vector)
    if unrepresentable > 0 && parameters.element == .float16 {
        throw EngineError.invalid("\(unrepresentable) vector elements are out of float16's range")
    }
    return bytes
}

extension VectorParameters {
    /// Whether a stored row is one that a request could have led to: finite elements, of length 0 or 1 for cosine.
    func mayStore(_ row: UnsafeRawPointer) -> Bool {
        guard element != .uint8 else { return true }
        let vector = element.read(row, dimensions: size)
        guard vector.allSatisfy(\.isFinite) else { return false }
        guard distance == .cosine else { return true }
        let squaredLength = vector.reduce(into: 0.0) { $0 += Double($1) * Double($1) }
        return squaredLength == 0 || abs(squaredLength - 1) < Self.lengthTolerance
    }

    /// Half precision keeps three digits of each element.
    private static let lengthTolerance = 0.01
}

/// Checks dimensions and finiteness and, if asked to, normalises for cosine.
func prepare(_ vector: inout [Float], _ parameters: VectorParameters, normalizing: Bool) throws {
    guard vector.count == parameters.size else {
        throw EngineError.invalid(
            "Vector dimension error: expected dim: \(parameters.size), got \(vector.count)")
    }
    // A sum is finite only if all its terms are, or if huge ones cancel; the second look tells.
    if !vector.reduce(0, +).isFinite, !vector.allSatisfy(\.isFinite) {
        throw EngineError.invalid("Vector elements must be finite numbers")
    }
    if normalizing && parameters.distance == .cosine { Normalization.normalize(&vector) }
}
