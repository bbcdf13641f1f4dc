import Foundation
import GRDB
import SearchEngine

/// What others change in the store's collections is followed in the rows, in the same transaction: whoever writes a vector has
/// embedded the row of that id, and the payload mirrors the row whatever is written there.
extension TrendStore: CollectionKeeper {
    public func keeps(_ collection: String) -> Bool { kept.withLock { $0.contains(collection) } }

    public func advice(on collection: String) -> String {
        """
        `trendex trends reset` deletes the rows of \(collection) with their points; the restore of the whole storage, or of a \
        snapshot of \(collection) that carries its rows, brings rows and points together
        """
    }

    public func follow(_ changes: [PointChange], in collection: String, _ transaction: WriteTransaction) throws {
        let transaction = TrendTransaction(transaction, of: self)
        defer { transaction.isOver = true }
        switch collection {
        case Trend.table: try transaction.follow(changes, Trend.self)
        case Idea.table: try transaction.follow(changes, Idea.self)
        default: break
        }
    }
}

extension TrendTransaction {
    fileprivate func follow<R: StoredRow>(_ changes: [PointChange], _: R.Type) throws {
        let db = try database()
        for change in changes {
            guard let id = UUID(change.id), let old = try R.fetch(id, db) else { continue }
            var row = old
            switch change.kind {
            case .written: row.embeddingStatus = change.hasVector ? .current : .missing
            case .deleted: row.embeddingStatus = .missing
            case .payload: break
            }
            if row != old { try self.change { try row.update(db) } }
            if change.kind != .deleted { try writePoint(row, nil) }
        }
    }
}
