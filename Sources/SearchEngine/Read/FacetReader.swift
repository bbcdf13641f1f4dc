import Foundation
import GRDB

/// Answers filters from payload indexes, and first makes those that are missing.
final class FacetReader: Sendable {
    private let database: EngineDatabase
    private let publication: NSLock

    init(database: EngineDatabase, publication: NSLock) {
        self.database = database
        self.publication = publication
    }

    /// The live slots that match, as bit words, and their number.
    func matchingSlots(_ filter: Filter, _ collection: PointCollection) throws -> (words: [UInt64], count: Int) {
        try reading(collection, filter: filter) { generation in generation.matchingSlots(filter) }
    }

    /// Runs `body` under the collection's shared lock once every payload index that it needs is there. Throws `.timeout`
    /// when building them takes longer than the deadline; the build goes on. Throws `PayloadIndexesMissing` where they may
    /// not be built (`Engine.withoutBuildingIndexes`).
    func reading<T>(
        _ collection: PointCollection, filter: Filter?, orderKey: PayloadPath? = nil, deadline: Deadline? = nil,
        _ body: (Generation) throws -> T
    ) throws -> T {
        let filters = filter.map { [$0] } ?? []
        while true {
            let result: T? = try collection.lock.read {
                guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
                let indexes = collection.generation.payloadIndexes
                return indexes.missing(for: filters, order: orderKey).isEmpty ? try body(collection.generation) : nil
            }
            if let result { return result }
            try build(collection, until: deadline) { indexes in
                indexes.missing(for: filters, order: orderKey)
            }
        }
    }

    /// Makes the indexes of the declared schema that are not there yet (after a start, or a compaction). Throws as `reading`.
    func buildDeclared(_ collection: PointCollection, until deadline: Deadline? = nil) throws {
        try build(collection, until: deadline) { indexes in
            indexes.schemas.flatMap { path, schema in indexes.missing(for: schema, at: path) }
        }
    }

    private func build(
        _ collection: PointCollection, until deadline: Deadline?,
        _ missing: @escaping @Sendable (PayloadIndexes) -> [FacetKey]
    ) throws {
        let keys = collection.lock.read { missing(collection.generation.payloadIndexes) }
        guard !keys.isEmpty else { return }
        guard PayloadIndexesMissing.mayBuild else { throw PayloadIndexesMissing() }
        guard let deadline else { return try build(collection, missing) }
        try collection.facetBuilds.wait(for: Set(keys), until: deadline) { [self] in try build(collection, missing) }
    }

    /// Scans a snapshot of the payloads while writes go on, then replays what they changed and installs the indexes.
    private func build(_ collection: PointCollection, _ missing: (PayloadIndexes) -> [FacetKey]) throws {
        try collection.facetBuild.withLock { _ in
            let keys = collection.lock.read { missing(collection.generation.payloadIndexes) }
            guard !keys.isEmpty else { return }
            var locked = true
            publication.lock()
            defer { if locked { publication.unlock() } }
            guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
            let generation = collection.generation
            let builder = generation.payloadIndexes.makeBuilder(for: keys)
            generation.isBuildingPayloadIndexes = true
            defer { collection.lock.write { generation.isBuildingPayloadIndexes = false } }
            try database.read { db in
                // The first statement fixes the snapshot, so from here on writers may go on; the builder logs them.
                _ = try Row.fetchOne(
                    db, sql: "SELECT version FROM collections WHERE id = ?", arguments: [collection.id])
                publication.unlock()
                locked = false
                do {
                    try generation.table.forEachRecord(db) { row, _, payload in builder.feed(row.slot, payload.value) }
                } catch let error as DatabaseError where error.resultCode == .SQLITE_ERROR && collection.isDropped {
                    throw PointCollection.missing(collection.name)
                }
            }
            builder.finish()
            // A compaction meanwhile made all slots new: then the caller looks again.
            collection.lock.write { generation.payloadIndexes.install(builder) }
        }
    }
}

extension Generation {
    /// The live slots that match a filter whose payload indexes are all there. Under the shared lock.
    func matchingSlots(_ filter: Filter) -> (words: [UInt64], count: Int) {
        // Words made for one evaluation, kept until it ends.
        var made: [UnsafeMutablePointer<UInt64>] = []
        defer { for words in made { words.deallocate() } }
        let context = FilterContext(
            slot: { self.points.slot(of: $0) },
            vectorSlots: { name in
                guard let space = self.space(name) else { return nil }
                let words = self.words(with: space)
                made.append(words)
                return UnsafePointer(words)
            })
        return points.live.withUnsafeBufferPointer { live in
            guard let base = live.baseAddress else { return ([], 0) }
            return payloadIndexes.evaluate(filter, universe: points.slotCount, live: base, context: context)
        }
    }

    /// What an explanation tells of a filter that `matching` points fulfil; `nil` for none. Under the shared lock.
    func summary(of filter: Filter?, matching: Int?) -> Explanation.FilterSummary? {
        guard let filter, let matching else { return nil }
        return payloadIndexes.summary(of: filter, matching: matching)
    }

    /// One bit a slot: whether it has the vector. The caller deallocates it. Complexity: O(slots).
    private func words(with space: VectorSpace) -> UnsafeMutablePointer<UInt64> {
        let words = UnsafeMutablePointer<UInt64>.allocate(capacity: points.live.count)
        words.initialize(repeating: 0, count: points.live.count)
        for slot in 0..<points.slotCount where points.vectors(UInt32(slot)) & space.bit != 0 {
            words[slot >> 6] |= 1 << UInt64(slot & 63)
        }
        return words
    }
}
