import Quantization
import Synchronization
import VectorIndex

/// A dense vector: a file of rows of one length, and a graph with codes over them.
///
/// The object keeps its index. Another that takes its place (changed settings, an adopted graph) comes with another object over
/// the same file, so that whoever holds a field holds its index.
package final class DenseField: VectorField {
    package let site: FieldSite
    package let id: VectorID
    package let bit: UInt64
    package let name: String
    package let parameters: VectorParameters
    package let file: VectorFile
    package let index: VectorIndex
    /// Counts the indexes that have been put in place of another since the generation was made or loaded.
    let build: Int
    /// The index over the same rows that is built with settings which have changed, and is to take the place of `index`.
    let successor = Mutex<VectorIndex?>(nil)
    package let linkGate = LinkGate()
    /// Whether somebody was told that the index can't grow.
    let hasToldLimit = Atomic(false)
    /// Linked slots when the index was saved or loaded last.
    let savedCount: Atomic<Int>
    /// Slots that had been mended then.
    let savedMends = Atomic(0)
    /// The index's revision then.
    let savedRevision: Atomic<Int>
    /// What is known of its searches' recall.
    package let recall: FieldRecall

    /// - Parameters:
    ///   - index: as it was loaded, or new.
    ///   - recall: that of the generation which this one will take the place of.
    init(_ site: FieldSite, file: VectorFile, index: VectorIndex, recall: FieldRecall) {
        self.site = site
        id = site.entry.id
        bit = 1 << UInt64(site.entry.bit)
        name = site.name
        parameters = site.parameters
        self.file = file
        self.index = index
        self.recall = recall
        build = 0
        savedCount = Atomic(index.linkedCount)
        savedRevision = Atomic(index.revision)
    }

    /// The same vector with another index over its rows.
    init(_ old: DenseField, with index: VectorIndex) {
        site = old.site
        id = old.id
        bit = old.bit
        name = old.name
        parameters = old.parameters
        file = old.file
        self.index = index
        recall = old.recall
        build = old.build + 1
        savedCount = Atomic(0)
        savedRevision = Atomic(0)
    }

    package var kind: any FieldKind { DenseKind() }
    package var element: ElementType { parameters.element }
    package var metric: Metric { parameters.metric }

    // MARK: Rows

    package func write(_ rows: EncodedRows, at slot: Int) throws {
        try rows.bytes.withUnsafeBytes { try file.write($0, at: slot) }
    }

    package func write(_ row: UnsafeRawBufferPointer, at slot: Int) throws { try file.write(row, at: slot) }
    package func reserve(slotCount: Int) throws { try file.reserve(rowCount: slotCount) }
    package func skip(slotCount: Int) throws { try file.skip(rowCount: slotCount) }
    package func sync() throws { try file.sync() }
    package var released: [Latch] { [file.released] }

    package func withRow<T>(_ slot: UInt32, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
        let matrix = file.matrix
        return try withExtendedLifetime(matrix) {
            try body(
                UnsafeRawBufferPointer(
                    start: matrix.base + Int(slot) * matrix.rowBytes, count: matrix.rowBytes))
        }
    }

    package func value(_ slot: UInt32) -> VectorValue { .dense(vector(slot)) }

    /// The stored row at a slot as floats. As for ``value(_:)``.
    package func vector(_ slot: UInt32) -> [Float] {
        let matrix = file.matrix
        return withExtendedLifetime(matrix) {
            element.read(matrix.base + Int(slot) * matrix.rowBytes, dimensions: parameters.size)
        }
    }

    // MARK: Publication

    package func publish(slotCount: Int, absent: [UInt32]) {
        let matrix = file.matrix
        for index in indexes { index.publish(rows: matrix, count: slotCount, absent: absent) }
    }

    package func remove(_ slots: [UInt32]) {
        for index in indexes { index.remove(slots) }
    }

    package func retire() { successor.withLock { $0 = nil } }

    /// The index that is searched, and the one that is built beside it.
    var indexes: [VectorIndex] {
        guard let successor = successor.withLock({ $0 }) else { return [index] }
        return [index, successor]
    }

    // MARK: What is told of it

    package var counts: FieldCounts {
        FieldCounts(live: index.liveCount, indexed: index.liveLinkedCount, isLimited: index.limitation != nil)
    }

    package func memory(slotCount: Int) -> CollectionMemory.Vector {
        let mapped = file.mappedBytes
        // One that is built beside it has memory, too.
        let memory = indexes.reduce(into: IndexMemory()) { $0 += $1.memory }
        return CollectionMemory.Vector(
            name: name, file: mapped.all, cached: mapped.resident, rows: slotCount * file.rowBytes,
            savedIndex: site.fileSystem.status(site.indexFile)?.size ?? 0, codes: memory.codes,
            reducedCodes: memory.reducedCodes, links: memory.links + memory.liveSlots)
    }
}
