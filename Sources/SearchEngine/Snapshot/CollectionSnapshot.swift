import GRDB
import JSON
import OrderedCollections

/// What is inside a collection's snapshot archive; docs/FORMAT.md draws it.
enum CollectionSnapshot {
    static let formatVersion = 3
    /// The first format whose records name their slots.
    static let firstFormatWithSlots = 3
    static let manifestName = "collection.json"
    static let pointsName = "points.bin"
    /// Of the keeper, where the collection has one.
    static let rowsName = "rows.jsonl"
    static func vectorsName(_ id: VectorID) -> String { "vectors/\(id)" }
    static func graphName(_ id: VectorID) -> String { "graphs/\(id)" }

    /// What a record of `points.bin` begins with.
    static let recordSlotBytes = 4
    /// The rest of it before its payload: id kind, id, version, vectors, checksum, payload length.
    static let recordHeaderBytes = 1 + 16 + 8 + 8 + 8 + 4
}

/// A collection's committed state at one moment, held while it is written out: rows and vectors never change in place,
/// so writes go on meanwhile.
struct FrozenCollection {
    let name: String
    let configuration: CollectionConfiguration
    let version: UInt64
    let slotCount: Int
    let generation: Generation
    /// Each with its rows as they were.
    let fields: [(field: any VectorField, frozen: any FrozenField)]
    /// Theirs; a row may have those of deleted vectors as well.
    private let bits: UInt64
    /// The same of vectors whose deletion is under way.
    let leaving: [(field: any VectorField, frozen: any FrozenField)]
    let schema: [(PayloadPath, PayloadFieldSchema)]
    /// Of the vectors that have one.
    let graphs: [(id: VectorID, image: any DerivedImage)]

    /// While publication is held.
    init(_ collection: PointCollection) {
        name = collection.name
        configuration = collection.configuration
        version = collection.version
        generation = collection.generation
        slotCount = generation.points.slotCount
        fields = generation.fields.map { ($0, $0.freeze()) }
        bits = generation.bits
        leaving = generation.leaving.map { ($0, $0.freeze()) }
        schema = generation.payloadIndexes.schemas.map { ($0.0, $0.1) }
        graphs = fields.compactMap { field, frozen in frozen.derived.map { (field.id, $0) } }
    }

    /// Writes the archive's entries. `db` must see exactly the frozen state.
    ///
    /// A graph names slots, and walks pass through removed ones. So with graphs all slots keep their numbers, and the rows of
    /// removed ones are written, too; without, only the live ones are, one after another.
    ///
    /// - Parameters:
    ///   - graphFiles: where the graphs have been written to.
    ///   - keeper: the collection's, if it has one.
    func write(
        to tar: TarWriter, _ db: GRDB.Database, graphFiles: [(id: VectorID, file: any File)],
        keeper: (any CollectionKeeper)?
    ) throws {
        let keepsSlots = !graphFiles.isEmpty
        var slots: [UInt32] = []
        var pointBytes = 0
        var sum = Checksum()
        try generation.table.forEachRecord(db) { row, checksum, payload in
            let record = record(row, at: keepsSlots ? row.slot : UInt32(slots.count), checksum, payload)
            slots.append(row.slot)
            pointBytes += record.count
            record.withUnsafeBytes { sum.add($0) }
        }
        let manifest: JSONObject = [
            "format": .integer(Int64(CollectionSnapshot.formatVersion)),
            "name": .string(name),
            "configuration": archived.stored,
            "version": JSONValue(version),
            "points": JSONValue(slots.count),
            "slots": JSONValue(keepsSlots ? slotCount : slots.count),
            "pointsChecksum": JSONValue(sum.value),
            "payloadIndexes": .array(schema.map { .object(["key": .string($0.0.text), "schema": $0.1.stored]) }),
        ]
        try tar.add(CollectionSnapshot.manifestName, JSONValue.object(manifest).serialized())
        try tar.begin(CollectionSnapshot.pointsName, size: pointBytes)
        var written: UInt32 = 0
        try generation.table.forEachRecord(db) { row, checksum, payload in
            let record = record(row, at: keepsSlots ? row.slot : written, checksum, payload)
            try record.withUnsafeBytes { try tar.write($0) }
            written += 1
        }
        if keepsSlots { slots = Array(0..<UInt32(slotCount)) }
        for (field, frozen) in fields {
            try tar.begin(CollectionSnapshot.vectorsName(field.id), size: frozen.archivedBytes(slots))
            try frozen.archive(slots) { try tar.write($0) }
        }
        for (id, file) in graphFiles { try tar.add(CollectionSnapshot.graphName(id), contentsOf: file) }
        if let keeper {
            // An archive wants to know the size of an entry before its bytes.
            var size = 0
            try keeper.archive(name, db) { size += $0.count }
            try tar.begin(CollectionSnapshot.rowsName, size: size)
            try keeper.archive(name, db) { part in try part.withUnsafeBytes { try tar.write($0) } }
        }
    }

    /// The settings without what is left of deleted vectors.
    private var archived: CollectionConfiguration {
        var configuration = configuration
        var registry = configuration.vectorRegistry
        for vector in registry.leaving { registry.forget(vector.entry.id) }
        configuration.registry = registry
        return configuration
    }

    private func record(_ row: PointRow, at slot: UInt32, _ stored: UInt64, _ payload: Payload) -> [UInt8] {
        var (row, checksum) = (row, stored)
        if row.vectors & ~bits != 0 {
            row.vectors &= bits
            checksum = Generation.checksum(row, fields.map(\.field))
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(
            CollectionSnapshot.recordSlotBytes + CollectionSnapshot.recordHeaderBytes + payload.json.count)
        withUnsafeBytes(of: slot.littleEndian) { bytes.append(contentsOf: $0) }
        let (kind, high, low): (UInt8, UInt64, UInt64) =
            switch row.id {
            case .number(let value): (0, 0, value)
            case .uuid(let high, let low): (1, high, low)
            }
        bytes.append(kind)
        for value in [high, low, row.version, row.vectors, checksum] {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        withUnsafeBytes(of: UInt32(payload.json.count).littleEndian) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: payload.json)
        return bytes
    }
}
