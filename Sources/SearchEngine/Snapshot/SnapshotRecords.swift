import JSON

/// Reads the records of an archive's `points.bin` one after another.
struct SnapshotRecords {
    private static let maximumPayloadBytes = 1 << 30
    private static let chunkBytes = 1 << 20

    private let tar: TarReader
    private let entry: TarReader.Entry
    /// Whether records begin with their slots, as from format 3 on.
    private let namesSlots: Bool
    /// Of the next record, at least.
    private var nextSlot: UInt32 = 0
    private var position = 0
    private var chunk: [UInt8] = []
    private var chunkPosition = 0

    init(_ tar: TarReader, namesSlots: Bool) throws {
        self.tar = tar
        self.namesSlots = namesSlots
        entry = try tar.entry(CollectionSnapshot.pointsName)
    }

    var isAtEnd: Bool { position == entry.size }

    /// The next record, whose slot is below `slotCount`; its bytes are added to `sum`.
    mutating func next(slotCount: Int, _ sum: inout Checksum) throws -> (PointRow, UInt64, Payload) {
        let place = try take(namesSlots ? CollectionSnapshot.recordSlotBytes : 0)
        let header = try take(CollectionSnapshot.recordHeaderBytes)
        func word(_ index: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(header[1 + index * 8 + $1]) << UInt64(8 * $1) }
        }
        let length = (0..<4).reduce(0) { $0 | Int(header[41 + $1]) << (8 * $1) }
        guard length <= Self.maximumPayloadBytes else { throw tar.damaged("a payload is too large") }
        let payload = try take(length)
        (place + header + payload).withUnsafeBytes { sum.add($0) }
        let slot = namesSlots ? (0..<4).reduce(0) { $0 | UInt32(place[$1]) << UInt32(8 * $1) } : nextSlot
        guard slot >= nextSlot, Int(slot) < slotCount else { throw tar.damaged("the slots of its points don't ascend") }
        nextSlot = slot + 1
        let id: PointID
        switch header[0] {
        case 0: id = .number(word(1))
        case 1: id = .uuid(high: word(0), low: word(1))
        default: throw tar.damaged("a point id is of unknown kind")
        }
        guard let value = try? JSONValue(parsing: payload), case .object = value else {
            throw tar.damaged("the payload of point \(id) is no JSON object")
        }
        let row = PointRow(slot: slot, id: id, version: word(2), vectors: word(3))
        return (row, word(4), Payload(validated: payload))
    }

    private mutating func take(_ count: Int) throws -> [UInt8] {
        if chunkPosition + count > chunk.count {
            let size = min(max(Self.chunkBytes, count), entry.size - position)
            guard size >= count else { throw tar.damaged("\(entry.name) is cut off") }
            chunk = try tar.read(entry, at: position, count: size)
            chunkPosition = 0
        }
        defer {
            chunkPosition += count
            position += count
        }
        return Array(chunk[chunkPosition..<chunkPosition + count])
    }
}
