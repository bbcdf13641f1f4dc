import JSON
import SearchEngine

/// Points as responses show them. Stored payloads are written as their own text.
extension JSONWriter {
    mutating func write(_ id: PointID) {
        switch id {
        case .number(let value): write(value)
        case .uuid: write(id.description)
        }
    }

    /// The unnamed vector as an array, named ones as an object.
    mutating func write(vectors: NamedVectors) {
        if vectors.count == 1, let unnamed = vectors[""] { return write(unnamed) }
        object { writer in
            for name in vectors.keys.sorted() {
                writer.key(name)
                writer.write(vectors[name] ?? [])
            }
        }
    }

    private mutating func write(_ vector: VectorValue) {
        switch vector {
        case .dense(let elements): write(elements)
        case .sparse(let indices, let values):
            object { writer in
                writer.key("indices")
                writer.array { writer in for index in indices { writer.write(index) } }
                writer.key("values")
                writer.write(values)
            }
        case .document: preconditionFailure("never stored")
        case .multi(let rows, let dimensions):
            array { writer in
                for start in stride(from: 0, to: rows.count, by: dimensions) {
                    writer.write(rows[start..<start + dimensions])
                }
            }
        }
    }

    private mutating func writeContents(_ payload: Payload?, _ vectors: NamedVectors?) {
        if let payload {
            key("payload")
            write(raw: payload.json)
        }
        if let vectors {
            key("vector")
            write(vectors: vectors)
        }
    }

    mutating func write(_ record: Record) {
        beginObject()
        key("id")
        write(record.id)
        writeContents(record.payload, record.vectors)
        write(orderValue: record.orderValue)
        endObject()
    }

    /// A record among a query's results. As at Qdrant those of queries without a vector have version 0 and score 1.
    private mutating func write(scored record: Record) {
        beginObject()
        key("id")
        write(record.id)
        key("version")
        write(record.score == nil ? 0 : record.version)
        key("score")
        // Minus zero, the negative of a distance, is shown as zero.
        write((record.score ?? 1) + 0)
        writeContents(record.payload, record.vectors)
        write(orderValue: record.orderValue)
        endObject()
    }

    private mutating func write(orderValue: OrderValue?) {
        guard let orderValue else { return }
        key("order_value")
        switch orderValue {
        case .integer(let value): write(value)
        case .float(let value): write(value)
        }
    }

    /// Records that are written before others may have the core: a search's ten aren't worth a look at the clock.
    private static let recordsPerStep = 64

    mutating func write(scored records: [Record]) { write(records) { $0.write(scored: $1) } }

    mutating func write(_ records: [Record]) { write(records) { $0.write($1) } }

    private mutating func write(_ records: [Record], each: (inout JSONWriter, Record) -> Void) {
        beginArray()
        for (place, record) in records.enumerated() {
            if place % Self.recordsPerStep == Self.recordsPerStep - 1 { CoreTurn.step() }
            each(&self, record)
        }
        endArray()
    }

    mutating func write(_ result: UpdateResult, waited: Bool) {
        beginObject()
        key("operation_id")
        if let id = result.operationID { write(id) } else { writeNull() }
        key("status")
        switch result.status {
        case .completed: write(waited ? "completed" : "acknowledged")
        case .waitTimeout: write("wait_timeout")
        }
        endObject()
    }

    mutating func write(_ snapshot: SnapshotDescription, withChecksum: Bool) {
        beginObject()
        key("name")
        write(snapshot.name)
        key("creation_time")
        write(optional: snapshot.creationTime)
        key("size")
        write(snapshot.size)
        if withChecksum {
            key("checksum")
            write(optional: snapshot.checksum)
        }
        endObject()
    }

    mutating func write(optional text: String?) {
        if let text { write(text) } else { writeNull() }
    }
}
