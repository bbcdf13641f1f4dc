import SearchEngine
import VectorIndex

/// Where the row of a slot lies in the heap.
struct PairsPlace {
    var start: Int
    var end: Int

    static func read(_ base: UnsafeRawPointer, _ slot: UInt32) -> PairsPlace {
        (base + Int(slot) * MemoryLayout<Self>.stride).loadUnaligned(as: Self.self)
    }
}

struct PairsKind: FieldKind {
    /// Stands for the kind, as parameters know dense vectors alone.
    static let size = 65_536

    /// The engine's kinds, and this one.
    static let kinds = FieldKinds(FieldKinds.standard.all + [PairsKind()]) { parameters in
        parameters.size == size ? PairsKind() : FieldKinds.standard[parameters]
    }

    var fileTypes: Set<String> { ["heap", "slots"] }

    func rowBytes(_ parameters: VectorParameters) -> Int? { nil }

    func encode(_ value: VectorValue, _ parameters: VectorParameters, into rows: inout EncodedRows) throws {
        guard case .sparse(let indices, let values) = value, indices.count == values.count,
            Set(indices).count == indices.count
        else { throw EngineError.invalid("Wrong kind of vector: expected pairs") }
        let pairs = zip(indices, values).map { ($0, $1.bitPattern) }
        pairs.withUnsafeBytes { rows.append($0) }
    }

    static func value(_ row: UnsafeRawBufferPointer) -> VectorValue {
        let words = stride(from: 0, to: row.count, by: 4).map { row.loadUnaligned(fromByteOffset: $0, as: UInt32.self) }
        let places = stride(from: 0, to: words.count, by: 2)
        return .sparse(indices: places.map { words[$0] }, values: places.map { Float(bitPattern: words[$0 + 1]) })
    }

    func mayArchive(byteCount: Int, slotCount: Int, _ parameters: VectorParameters) -> Bool {
        byteCount >= slotCount * 4
    }

    func makeField(_ opening: FieldOpening) throws -> any VectorField {
        let site = opening.site
        func open(_ type: String, rowBytes: Int, _ count: Int) throws -> VectorFile {
            try VectorFile(
                path: site.rowFile(type: type), rowBytes: rowBytes, rowCount: count, fileSystem: site.fileSystem)
        }
        let slots = try open("slots", rowBytes: MemoryLayout<PairsPlace>.stride, opening.slotCount)
        let matrix = slots.matrix
        let end = withExtendedLifetime(matrix) {
            (0..<UInt32(opening.slotCount)).reduce(0) { max($0, PairsPlace.read(matrix.base, $1).end) }
        }
        return PairsField(
            site, heap: try open("heap", rowBytes: 1, end), slots: slots, heapEnd: end,
            m: site.parameters.hnsw?.m ?? opening.settings.hnsw.m)
    }

    func openStored(_ site: FieldSite) throws -> any StoredField {
        StoredPairsField(
            heap: try site.fileSystem.open(site.rowFile(type: "heap"), create: false),
            slots: try site.fileSystem.open(site.rowFile(type: "slots"), create: false))
    }

    func checkDerived(
        _ site: FieldSite, _ settings: CollectionConfiguration, slotCount: Int, absent: [UInt32],
        report: (String) -> Void
    ) {}
}

private struct StoredPairsField: StoredField {
    let heap: any File
    let slots: any File

    func requireRows(_ count: Int) throws {
        guard try slots.size() >= count * MemoryLayout<PairsPlace>.stride else {
            throw EngineError.storage("\(slots.path) is too short")
        }
    }

    func grow(to count: Int) throws {
        let size = count * MemoryLayout<PairsPlace>.stride
        if try slots.size() < size { try slots.allocate(size: size) }
    }

    func row(_ slot: UInt32) throws -> [UInt8]? {
        var place = PairsPlace(start: 0, end: 0)
        let stride = MemoryLayout<PairsPlace>.stride
        let read = try withUnsafeMutableBytes(of: &place) { try slots.read(into: $0, at: Int(slot) * stride) }
        guard read == stride, place.end >= place.start else { return nil }
        var row = [UInt8](repeating: 0, count: place.end - place.start)
        return try row.withUnsafeMutableBytes { try heap.read(into: $0, at: place.start) } == row.count ? row : nil
    }
}

struct FrozenPairsField: FrozenField {
    let heap: RowMatrix
    let slots: RowMatrix
    let heapEnd: Int
    let paths: (heap: String, slots: String)
    let looked: Int

    private func row(_ slot: UInt32) -> UnsafeRawBufferPointer {
        let place = PairsPlace.read(slots.base, slot)
        return UnsafeRawBufferPointer(start: heap.base + place.start, count: place.end - place.start)
    }

    func archivedBytes(_ slots: [UInt32]) -> Int { slots.reduce(slots.count * 4) { $0 + row($1).count } }

    /// The length of each row, and then the rows.
    func archive(_ slots: [UInt32], _ write: (UnsafeRawBufferPointer) throws -> Void) throws {
        try slots.map { UInt32(row($0).count) }.withUnsafeBytes { try write($0) }
        for slot in slots { try write(row(slot)) }
    }

    func files(slotCount: Int) -> [FrozenFile] {
        let size = slotCount * MemoryLayout<PairsPlace>.stride
        return [
            FrozenFile(path: paths.heap, byteCount: heapEnd) { [heap, heapEnd] sink in
                try sink(UnsafeRawBufferPointer(start: heap.base, count: heapEnd))
            },
            FrozenFile(path: paths.slots, byteCount: size) { [slots] sink in
                try sink(UnsafeRawBufferPointer(start: slots.base, count: size))
            },
        ]
    }

    var derived: (any DerivedImage)? { looked > 0 ? LookedImage(looked: UInt64(looked)) : nil }
}

private struct LookedImage: DerivedImage {
    let looked: UInt64
    var mostBytes: Int { 8 }
    func write(to sink: any IndexByteSink) throws {
        try withUnsafeBytes(of: looked) { try sink.write($0, at: 0) }
    }
}
