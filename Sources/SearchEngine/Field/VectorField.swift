import VectorIndex

/// One vector of a generation: its stored rows, one a slot, and whatever is derived from them so that they can be searched.
///
/// The engine knows no more of a vector than this. A kind of vectors is a type that conforms, and a ``FieldKind``, which encodes
/// its values and opens its files; ``FieldKinds`` says which parameters mean which kind.
///
/// A row is written once, at a slot that is handed out once, and stays as it is. Rows past the committed slots are garbage. A
/// slot's row is read only where a point has the vector. Slots and rows grow; what is derived follows in the background.
///
/// Threads: each section below says who calls it.
package protocol VectorField: AnyObject, Sendable {
    // MARK: Identity, any thread

    /// Where its files lie.
    var site: FieldSite { get }
    var kind: any FieldKind { get }
    var id: VectorID { get }
    /// Set in the `vectors` of a point that has it.
    var bit: UInt64 { get }
    var name: String { get }
    /// What it was made with. Settings in it may have changed since; ``CollectionConfiguration/parameters(of:)`` has those
    /// that hold now.
    var parameters: VectorParameters { get }

    // MARK: Rows, written on the writer thread (or by a compaction or a restore, which alone know the field)

    /// Writes rows at `slot` and those that follow, in one write. They can be read afterwards. Throws `.diskFull`, `.storage`.
    func write(_ rows: EncodedRows, at slot: Int) throws
    /// The same for one row.
    func write(_ row: UnsafeRawBufferPointer, at slot: Int) throws
    /// Makes sure that the rows of all slots below `slotCount` can be read, whether they were written or not.
    func reserve(slotCount: Int) throws
    /// The same for slots that nobody will write; they take no space on the disk.
    func skip(slotCount: Int) throws
    /// Returns when all that was written is on the disk. Cheap when nothing was written since the last time.
    func sync() throws
    /// Each opens when nobody holds one of its files any more, and the space of a removed one is free.
    var released: [Latch] { get }

    // MARK: Rows, read by any thread; the slot is published, or the caller is the writer thread

    /// The stored bytes of a slot's row, valid during `body`: for checksums, and for copies of the row.
    func withRow<T>(_ slot: UInt32, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T
    /// The vector at a slot, as it is stored.
    func value(_ slot: UInt32) -> VectorValue

    // MARK: Publication, under the exclusive lock

    /// Shows searches the slots from those that were published before up to `slotCount`.
    ///
    /// - Parameter absent: those of them that have no such vector.
    /// - Complexity: O(new slots), amortised.
    func publish(slotCount: Int, absent: [UInt32])
    /// Takes published slots away from searches.
    func remove(_ slots: [UInt32])
    /// The vector was deleted: searches come no more, and nothing is to be derived.
    func retire()

    // MARK: Changed settings

    /// Whether what is derived was made with other settings. Under the shared lock.
    func needsRebuild(_ settings: CollectionConfiguration) -> Bool
    /// Begins to derive by the settings that now hold, beside what there is, or puts what was so derived in its place once it
    /// is complete. Under the exclusive lock.
    ///
    /// - Parameter absent: the published slots without this vector. Complexity of a call: O(slots).
    func follow(_ settings: CollectionConfiguration, slotCount: Int, absent: () -> [UInt32]) -> FieldChange

    // MARK: Background, without a lock; several threads at once

    /// Counts the threads that work on it, if its parameters limit them.
    var linkGate: LinkGate { get }
    /// Derives what is missing for up to `limit` slots, and answers for how many. 0: there was nothing to do.
    ///
    /// - Parameter pause: called after every slot, so that others get the core.
    func work(limit: Int, pause: () -> Void) -> Int
    /// Slots that there is work for.
    var pendingCount: Int { get }
    /// Whether so much was derived since the last save that saving pays.
    var isWorthSaving: Bool { get }
    /// Saves what was derived since it was saved or loaded last, if anything. One thread at a time. Throws where the disk has no
    /// room; only the next start gets slower.
    func saveDerived() throws
    /// Why some slots can't be indexed, the first time that it is asked for; `nil` when all can.
    func takeLimitation() -> String?

    // MARK: Snapshots and compactions

    /// The rows and what is derived as they are now. While publication is held.
    func freeze() -> any FrozenField
    /// Writes the rows of slots [0, slotCount) from what ``FrozenField/archive(_:_:)`` has written somewhere, whoever has changed it
    /// since: rows that no request can lead to are left out, and checksums don't fit then. The field is empty.
    func restoreRows(from archive: any IndexByteSource, slotCount: Int) throws
    /// A field over the same rows with what ``FrozenField/derived`` has written somewhere. Before the generation is shared. Throws
    /// when that can't be used.
    ///
    /// - Parameters:
    ///   - absent: the slots without this vector.
    ///   - seed: draws the slots that it is tried by. Who makes a snapshot can't know it.
    func adopting(_ derived: any IndexByteSource, slotCount: Int, absent: [UInt32], seed: UInt64) throws
        -> any VectorField
    /// Bytes that a copy of `rowCount` rows will take on the disk, with what is derived of them.
    func copyBytes(rowCount: Int) -> Int

    // MARK: What is told of it, any thread

    var counts: FieldCounts { get }
    /// Asks the kernel about each page: some tens of milliseconds for a million rows.
    func memory(slotCount: Int) -> CollectionMemory.Vector

    // MARK: Searching

    /// Fixes what a search needs, so that it goes on without a lock. Under the shared lock. Complexity: O(dimensions).
    ///
    /// Throws `.invalid` for a target that this field can't be searched by.
    func pin(
        _ target: SearchTarget, _ parameters: SearchParameters, _ settings: CollectionConfiguration
    ) throws -> any PinnedSearch
}

/// What ``VectorField/follow(_:slotCount:absent:)`` has done.
package enum FieldChange {
    /// Nothing that anybody could notice.
    case none
    /// There is more to be derived.
    case begun
    /// This field, over the same rows, takes the old one's place. Whoever holds the old one may go on with it.
    case replaced(any VectorField)
}

/// How far a field is.
package struct FieldCounts: Sendable {
    /// Vectors of live points.
    package var live: Int
    /// Those of them that a search finds without scanning them.
    package var indexed: Int
    /// Whether the others can't be indexed, for want of memory.
    package var isLimited: Bool

    package init(live: Int, indexed: Int, isLimited: Bool = false) {
        self.live = live
        self.indexed = indexed
        self.isLimited = isLimited
    }
}

extension VectorField {
    /// Bytes that are copied in one write.
    private static var bytesPerCopy: Int { 1 << 20 }

    /// Writes the rows that `old`, a field of the same kind and parameters, has at some slots to slots from 0 on.
    func copyRows(_ rows: [PointRow], from old: any VectorField) throws {
        var copy = EncodedRows(rowBytes: kind.rowBytes(parameters))
        for (slot, row) in rows.enumerated() {
            if row.vectors & bit != 0 { old.withRow(row.slot) { copy.append($0) } } else { copy.appendMissing() }
            if copy.bytes.count >= Self.bytesPerCopy {
                try write(copy, at: slot + 1 - copy.count)
                copy.removeAll()
            }
        }
        if copy.count > 0 { try write(copy, at: rows.count - copy.count) }
    }
}

extension CollectionConfiguration {
    /// What a vector's settings are now. Those that a field was made with may have changed since.
    func parameters(of field: any VectorField) -> VectorParameters { vectors[field.name] ?? field.parameters }
}
