import SearchEngine
import Synchronization
import VectorIndex

/// A kind of vectors that the engine doesn't know: pairs of an index and a value, as many as a point has. A row takes 8 bytes
/// a pair. Two files: `heap` has the rows in the order in which they came, `slots` where each slot's row begins and ends.
///
/// Searches compare all rows. "Derived" is a count of slots that were looked at, so that there is work, and something to adopt.
final class PairsField: VectorField {
    let site: FieldSite
    let heap: VectorFile
    let slots: VectorFile
    let linkGate = LinkGate()
    /// The setting by which it is "derived".
    let m: Int?
    private let state: Mutex<State>
    /// Bytes of the heap that are taken.
    let heapEnd: Atomic<Int>

    struct State {
        var published = 0
        var live: Set<UInt32> = []
        var looked = 0
        var isRetired = false
    }

    init(_ site: FieldSite, heap: VectorFile, slots: VectorFile, heapEnd: Int, m: Int?, state: State = State()) {
        self.site = site
        self.heap = heap
        self.slots = slots
        self.heapEnd = Atomic(heapEnd)
        self.m = m
        self.state = Mutex(state)
    }

    var kind: any FieldKind { PairsKind() }
    var id: VectorID { site.entry.id }
    var bit: UInt64 { 1 << UInt64(site.entry.bit) }
    var name: String { site.name }
    var parameters: VectorParameters { site.parameters }

    // MARK: Rows

    func write(_ rows: EncodedRows, at slot: Int) throws {
        let start = heapEnd.load(ordering: .relaxed)
        let places = (0..<rows.count).map { row in
            let range = rows.range(row)
            return PairsPlace(start: start + range.lowerBound, end: start + range.upperBound)
        }
        try rows.bytes.withUnsafeBytes { if !$0.isEmpty { try heap.write($0, at: start) } }
        try places.withUnsafeBytes { try slots.write($0, at: slot) }
        heapEnd.store(start + rows.bytes.count, ordering: .relaxed)
    }

    func write(_ row: UnsafeRawBufferPointer, at slot: Int) throws {
        var rows = EncodedRows(rowBytes: nil)
        rows.append(row)
        try write(rows, at: slot)
    }

    func reserve(slotCount: Int) throws { try slots.reserve(rowCount: slotCount) }

    func skip(slotCount: Int) throws { try slots.reserve(rowCount: slotCount) }

    func sync() throws {
        try heap.sync()
        try slots.sync()
    }

    var released: [Latch] { [heap.released, slots.released] }

    func withRow<T>(_ slot: UInt32, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
        let (heap, slots) = (heap.matrix, slots.matrix)
        return try withExtendedLifetime((heap, slots)) {
            let place = PairsPlace.read(slots.base, slot)
            return try body(UnsafeRawBufferPointer(start: heap.base + place.start, count: place.end - place.start))
        }
    }

    func value(_ slot: UInt32) -> VectorValue { withRow(slot) { PairsKind.value($0) } }

    // MARK: Publication

    func publish(slotCount: Int, absent: [UInt32]) {
        state.withLock { state in
            state.live.formUnion(UInt32(state.published)..<UInt32(slotCount))
            state.live.subtract(absent.filter { $0 >= state.published })
            state.published = slotCount
        }
    }

    func remove(_ slots: [UInt32]) { state.withLock { $0.live.subtract(slots) } }

    func retire() { state.withLock { $0.isRetired = true } }

    // MARK: Changed settings

    private func wanted(_ settings: CollectionConfiguration) -> Int? {
        (settings.vectors[name] ?? parameters).hnsw?.m ?? settings.hnsw.m
    }

    func needsRebuild(_ settings: CollectionConfiguration) -> Bool { m != wanted(settings) }

    func follow(_ settings: CollectionConfiguration, slotCount: Int, absent: () -> [UInt32]) -> FieldChange {
        guard needsRebuild(settings) else { return .none }
        var state = state.withLock { $0 }
        state.looked = 0
        return .replaced(
            PairsField(
                site, heap: heap, slots: slots, heapEnd: heapEnd.load(ordering: .relaxed), m: wanted(settings),
                state: state))
    }

    // MARK: Background

    func work(limit: Int, pause: () -> Void) -> Int {
        state.withLock { state in
            let count = min(limit, state.published - state.looked)
            state.looked += count
            return count
        }
    }

    var pendingCount: Int { state.withLock { $0.published - $0.looked } }
    var isWorthSaving: Bool { false }
    func saveDerived() throws {}
    func takeLimitation() -> String? { nil }

    // MARK: Snapshots and compactions

    func freeze() -> any FrozenField {
        FrozenPairsField(
            heap: heap.matrix, slots: slots.matrix, heapEnd: heapEnd.load(ordering: .relaxed),
            paths: (site.rowFile(type: "heap"), site.rowFile(type: "slots")), looked: state.withLock { $0.looked })
    }

    func restoreRows(from archive: any IndexByteSource, slotCount: Int) throws {
        let damaged = EngineError.invalid("The pairs of an archive are cut off")
        let lengths = try [UInt32](unsafeUninitializedCapacity: slotCount) { buffer, count in
            guard try archive.read(into: UnsafeMutableRawBufferPointer(buffer), at: 0) == slotCount * 4 else {
                throw damaged
            }
            count = slotCount
        }
        guard try lengths.reduce(slotCount * 4, { $0 + Int($1) }) == archive.byteCount() else { throw damaged }
        var rows = EncodedRows(rowBytes: nil)
        var position = slotCount * 4
        for length in lengths {
            var row = [UInt8](repeating: 0, count: Int(length))
            guard try row.withUnsafeMutableBytes({ try archive.read(into: $0, at: position) }) == row.count else {
                throw damaged
            }
            // No request leads to half a pair.
            row.withUnsafeBytes { if length % 8 == 0 { rows.append($0) } else { rows.appendMissing() } }
            position += row.count
        }
        try write(rows, at: 0)
        try sync()
    }

    func adopting(
        _ derived: any IndexByteSource, slotCount: Int, absent: [UInt32], seed: UInt64
    ) throws -> any VectorField {
        var looked: UInt64 = 0
        _ = try withUnsafeMutableBytes(of: &looked) { try derived.read(into: $0, at: 0) }
        guard looked <= slotCount else { throw EngineError.invalid("more was looked at than there is") }
        let live = Set(0..<UInt32(slotCount)).subtracting(absent)
        return PairsField(
            site, heap: heap, slots: slots, heapEnd: heapEnd.load(ordering: .relaxed), m: m,
            state: State(published: slotCount, live: live, looked: Int(looked)))
    }

    func copyBytes(rowCount: Int) -> Int { heapEnd.load(ordering: .relaxed) + rowCount * 16 }

    // MARK: What is told of it

    var counts: FieldCounts {
        state.withLock {
            FieldCounts(live: $0.live.count, indexed: $0.live.count { [looked = $0.looked] in $0 < looked })
        }
    }

    func memory(slotCount: Int) -> CollectionMemory.Vector {
        CollectionMemory.Vector(
            name: name, file: heap.mappedBytes.all + slots.mappedBytes.all,
            cached: heap.mappedBytes.resident + slots.mappedBytes.resident, rows: heapEnd.load(ordering: .relaxed),
            savedIndex: 0, codes: 0, reducedCodes: 0, links: 0)
    }

    // MARK: Searching

    func pin(
        _ target: SearchTarget, _ parameters: SearchParameters, _ settings: CollectionConfiguration
    ) throws -> any PinnedSearch {
        guard case .nearest(.sparse(let indices, let values)) = target.scoring else {
            throw EngineError.invalid("Wrong kind of vector: expected pairs")
        }
        return PairsSearch(
            self, live: state.withLock { $0.live.subtracting(target.excluded).sorted() },
            query: Dictionary(uniqueKeysWithValues: zip(indices, values)))
    }
}

/// Compares all rows by the sum of the products at common indices.
private final class PairsSearch: PinnedSearch {
    private let field: PairsField
    private let query: [UInt32: Float]
    private var live: [UInt32]

    init(_ field: PairsField, live: [UInt32], query: [UInt32: Float]) {
        self.field = field
        self.live = live
        self.query = query
    }

    func plan(_ query: Query, points: Int, allowed: (words: [UInt64], count: Int)?) -> QueryPlan {
        if let words = allowed?.words { live.removeAll { words[Int($0) >> 6] >> UInt64($0 & 63) & 1 == 0 } }
        var plan = QueryPlan.decide(query, QueryPlan.Facts(points: points, matching: allowed?.count ?? points))
        plan.method = allowed == nil ? .exactScan : .exactFilteredScan
        plan.candidates = live.count
        return plan
    }

    func find(_ query: Query, _ plan: QueryPlan, _ limits: SearchLimits) -> FieldHits? {
        guard live.count <= limits.mostScanned, limits.cancelled?() != true else { return nil }
        let scored = live.compactMap { slot -> (slot: UInt32, score: Float)? in
            guard case .sparse(let indices, let values) = field.value(slot) else { return nil }
            return (slot, zip(indices, values).reduce(0) { $0 + (self.query[$1.0] ?? 0) * $1.1 })
        }
        var hits = FieldHits()
        for hit in scored.sorted(by: { ($1.score, $0.slot) < ($0.score, $1.slot) }).prefix(plan.wanted)
            .dropFirst(query.offset)
        {
            if let threshold = query.scoreThreshold, hit.score < threshold { break }
            hits.slots.append(hit.slot)
            hits.scores.append(hit.score)
        }
        return hits
    }
}
