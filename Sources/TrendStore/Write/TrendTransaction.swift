import Foundation
import GRDB
import SearchEngine

/// Changes to trends and ideas that are committed together. Valid inside `TrendStore.write` alone, on its thread.
///
/// Reads see what the transaction has changed so far. A change that is refused (`TrendStoreError`) leaves everything
/// as it was, so the transaction may catch the error and go on; any other error ends the transaction.
public final class TrendTransaction {
    let transaction: WriteTransaction
    /// What stopped a change half-way.
    private(set) var failure: (any Error)?
    var isOver = false
    private var changed: Set<TrendStore.RowKind> = []
    /// Events of the transaction so far.
    var noted: [Event] = []
    /// Runs of agents that the transaction has ended so far.
    var endedExecutions: [AgentExecution] = []

    private let store: TrendStore

    init(_ transaction: WriteTransaction, of store: TrendStore) {
        self.transaction = transaction
        self.store = store
    }

    /// Whether there is a collection of the store by this name.
    private func keeps(_ collection: String) -> Bool { store.keeps(collection) }

    /// Whether a fingerprint may stand in the table.
    func mayHaveSeen(_ fingerprint: TrendFingerprint) -> Bool { store.seen.withLock { $0.mayContain(fingerprint) } }

    func noteSeen(_ fingerprint: TrendFingerprint) throws {
        let isFull = store.seen.withLock { seen in
            // Sightings of one trend fill nothing.
            if !seen.mayContain(fingerprint) { seen.insert(fingerprint) }
            return seen.count > seen.capacity
        }
        // The table has this transaction's as well.
        if isFull {
            let larger = try TrendStore.seenFingerprints(database())
            store.seen.withLock { $0 = larger }
        }
    }

    func database() throws -> GRDB.Database {
        guard !isOver else { throw EngineError.unavailable("The transaction is over") }
        if let failure { throw failure }
        return transaction.database
    }

    /// Runs the statements of one change.
    ///
    /// - Parameter kind: of the rows that it changes.
    func change(of kind: TrendStore.RowKind = .others, _ body: () throws -> Void) throws {
        if changed.insert(kind).inserted { store.noteChange(of: kind, transaction) }
        do {
            try body()
        } catch {
            failure = error
            throw error
        }
    }

    /// Throws `.conflict` when a row of the id is there.
    func requireFree<R: TableRow>(_ row: R) throws {
        guard try !R.exists(row.id, database()) else {
            throw TrendStoreError.conflict("The id \(row.id.text) is taken in \(R.table)")
        }
    }

    func fetch<R: TableRow>(_ id: UUID) throws -> R? { try R.fetch(id, database()) }

    /// Inserts a row that is valid already, and its point if there is an embedding. A point that stood under the id becomes the
    /// row's.
    func insert<R: StoredRow>(_ row: R, _ embedding: [Float]?) throws -> R {
        let db = try database()
        try requireFree(row)
        var row = row
        let hasVector = try embedding != nil || transaction.hasVector(row.id.pointID, in: R.table)
        row.embeddingStatus = hasVector ? .current : .missing
        try change {
            try row.insert(db)
            try writePoint(row, embedding)
        }
        return row
    }

    /// What a row's rules make of it. Throws `.invalid` naming every field that breaks its rule, the embedding among them.
    static func validated<R>(_ rules: () throws -> R, _ embedding: [Float]?) throws -> R {
        var problems = FieldProblems()
        let row = problems.check(rules)
        if let embedding { _ = problems.check { try FieldRules.embedding(embedding) } }
        guard let row else { throw TrendStoreError.invalid(problems.all) }
        try problems.throwAny()
        return row
    }

    /// Changes a row, and of its point the payload, and the vector if an embedding is given.
    ///
    /// `check` refuses changes before anything is written.
    func update<R: StoredRow>(
        _ id: UUID, _ embedding: [Float]?, _ body: (inout R) throws -> Void, check: (R) throws -> Void = { _ in }
    ) throws -> R {
        let db = try database()
        guard let old = try R.fetch(id, db) else { throw TrendStoreError.notFound(table: R.table, id: id) }
        var row = old
        try body(&row)
        guard row.id == id else { throw invalid("id", "can't be changed") }
        row = try Self.validated(row.validated, embedding)
        try check(row)
        row.embeddingStatus = old.embeddingStatus
        if embedding != nil {
            row.embeddingStatus = .current
        } else if row.embeddedText != old.embeddedText, old.embeddingStatus == .current {
            row.embeddingStatus = .stale
        }
        try change {
            if row != old { try row.update(db) }
            try writePoint(row, embedding)
        }
        return row
    }

    /// Writes the row's point: with an embedding the whole, otherwise the payload of one that is there.
    func writePoint<R: StoredRow>(_ row: R, _ embedding: [Float]?) throws {
        let id = row.id.pointID
        let stored = try transaction.payload(id, in: R.table)
        let fields = row.payloadFields(over: stored?.value.objectValue ?? [:])
        if let embedding {
            let point = PointStruct(id: id, vectors: ["": .dense(embedding)], payload: Payload(.object(fields)))
            try transaction.update(R.table, [.upsert([point])])
        } else if let stored, !row.differingKeys(stored).isEmpty {
            try transaction.update(R.table, [.overwritePayload(.ids([id]), payload: .object(fields), key: nil)])
        }
    }

    /// Throws `.invalid` naming the first wrong embedding of a list by its place.
    static func validate(_ embeddings: [(id: UUID, vector: [Float])]) throws {
        for (place, entry) in embeddings.enumerated() {
            try FieldRules.embedding(entry.vector, "embeddings[\(place)].embedding")
        }
    }

    /// Gives many rows their vectors, which are valid, in the order of the list. Rows that are gone are left out.
    func embed<R: StoredRow>(_: R.Type, _ embeddings: [(id: UUID, vector: [Float])]) throws -> [UUID] {
        let db = try database()
        return try embeddings.filter { entry in
            guard var row = try R.fetch(entry.id, db) else { return false }
            row.embeddingStatus = .current
            try change {
                try row.update(db)
                try writePoint(row, entry.vector)
            }
            return true
        }.map(\.id)
    }

    /// Deletes a row and its point; `false` when there is no such row. `alsoDeleting` names points that the row's
    /// deletion cascades to.
    func delete<R: StoredRow>(
        _ type: R.Type, _ id: UUID, alsoDeleting: (table: String, ids: [UUID]) = ("", [])
    ) throws -> Bool {
        let db = try database()
        guard try R.exists(id, db) else { return false }
        try change {
            try db.cachedStatement(sql: "DELETE FROM \(R.table) WHERE id = ?").execute(arguments: [id.text])
            if keeps(R.table) { try transaction.update(R.table, [.delete(.ids([id.pointID]))]) }
            if !alsoDeleting.ids.isEmpty, keeps(alsoDeleting.table) {
                try transaction.update(alsoDeleting.table, [.delete(.ids(alsoDeleting.ids.map(\.pointID)))])
            }
        }
        return true
    }
}
