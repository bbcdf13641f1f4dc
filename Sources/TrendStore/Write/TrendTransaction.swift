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

    init(_ transaction: WriteTransaction) { self.transaction = transaction }

    func database() throws -> GRDB.Database {
        guard !isOver else { throw EngineError.unavailable("The transaction is over") }
        if let failure { throw failure }
        return transaction.database
    }

    /// Runs the statements of one change.
    private func change(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch {
            failure = error
            throw error
        }
    }

    func fetch<R: StoredRow>(_ id: UUID) throws -> R? { try R.fetch(id, database()) }

    /// Inserts a row that is valid already, and its point.
    func insert<R: StoredRow>(_ row: R, _ embedding: [Float]) throws {
        let db = try database()
        guard try !R.exists(row.id, db) else {
            throw TrendStoreError.conflict("The id \(row.id.text) is taken in \(R.table)")
        }
        try change {
            try row.insert(db)
            try upsertPoint(row, embedding)
        }
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
        row = try row.validated()
        try check(row)
        if let embedding { try FieldRules.embedding(embedding) }
        let stored = try transaction.payload(id.pointID, in: R.table)
        guard stored != nil || embedding != nil else {
            throw TrendStoreError.conflict(
                "The row \(id.text) of \(R.table) has lost its point: it can be changed only with its embedding")
        }
        try change {
            if row != old { try row.update(db) }
            let payload = row.payload
            if let embedding {
                try upsertPoint(row, embedding)
            } else if payload != stored {
                let operation = UpdateOperation.overwritePayload(
                    .ids([id.pointID]), payload: .object(row.payloadFields), key: nil)
                try transaction.update(R.table, [operation])
            }
        }
        return row
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
            try transaction.update(R.table, [.delete(.ids([id.pointID]))])
            if !alsoDeleting.ids.isEmpty {
                try transaction.update(alsoDeleting.table, [.delete(.ids(alsoDeleting.ids.map(\.pointID)))])
            }
        }
        return true
    }

    private func upsertPoint<R: StoredRow>(_ row: R, _ embedding: [Float]) throws {
        let point = PointStruct(id: row.id.pointID, vectors: ["": .dense(embedding)], payload: row.payload)
        try transaction.update(R.table, [.upsert([point])])
    }
}
