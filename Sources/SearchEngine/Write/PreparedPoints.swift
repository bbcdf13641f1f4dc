import JSON

/// Points whose vectors are checked and encoded as stored rows, on the caller's thread, so that
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
        columns.reduce(0) { $0 + $1.rows.bytes.count }
            + points.reduce(0) { $0 + MemoryLayout<Point>.stride + $1.payload.json.count * ($1.parsed == nil ? 1 : 4) }
    }
    /// One vector of all points.
    struct Column: Sendable {
        let id: VectorID
        let name: ByteString
        let bit: UInt64
        /// One row a point, also where it has no such vector; none when no point has one.
        fileprivate(set) var rows: EncodedRows
    }

    /// The vectors that some point has, in the order of their bits.
    private(set) var columns: [Column]

    /// Throws `.invalid` naming the vector for unknown names, wrong dimensions and values that can't be stored.
    init(
        _ input: [(id: PointID, vectors: NamedVectors, payload: Payload)], configuration: CollectionConfiguration,
        kinds: FieldKinds, parsingPayloads: Bool
    ) throws {
        let registry = configuration.vectorRegistry
        let names = configuration.vectors.keys
        let parameters = Array(configuration.vectors.values)
        let vectorKinds = parameters.map { kinds[$0] }
        columns = zip(names, zip(parameters, vectorKinds)).map { name, vector in
            let entry = registry.entries[name]!
            return Column(
                id: entry.id, name: name, bit: 1 << UInt64(entry.bit),
                rows: EncodedRows(rowBytes: vector.1.rowBytes(vector.0)))
        }
        points.reserveCapacity(input.count)
        for (index, point) in input.enumerated() {
            CoreTurn.step()
            var mask: UInt64 = 0
            for (name, vector) in point.vectors {
                guard let number = names.firstIndex(of: name) else { throw unknownVector(name.string) }
                mask |= columns[number].bit
                if columns[number].rows.count == 0 { columns[number].rows.reserveCapacity(input.count) }
                columns[number].rows.appendMissing(index - columns[number].rows.count)
                try vectorKinds[number].encode(vector, parameters[number], into: &columns[number].rows)
            }
            var prepared = Point(id: point.id, vectors: mask, payload: point.payload)
            if parsingPayloads { prepared.parsed = point.payload.value }
            points.append(prepared)
        }
        columns.removeAll { $0.rows.count == 0 }
        for number in columns.indices { columns[number].rows.appendMissing(input.count - columns[number].rows.count) }
        columns.sort { $0.bit < $1.bit }
    }

    /// The column of a vector, if some point has it.
    func column(_ id: VectorID) -> Column? { columns.first { $0.id == id } }
}

func unknownVector(_ name: String) -> EngineError { .invalid("Not existing vector name error: \(name)") }
