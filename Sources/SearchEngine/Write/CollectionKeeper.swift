import GRDB

/// Keeps rows of its own beside the points of some collections, and follows what others change there in the transaction that
/// changes it.
public protocol CollectionKeeper: AnyObject, Sendable {
    /// Whether it keeps rows beside the points of the collection of this name. Any thread.
    func keeps(_ collection: String) -> Bool

    /// What a user may do who wants to delete or replace a kept collection, as a sentence.
    func advice(on collection: String) -> String

    // MARK: Snapshots

    /// Whether rows that a snapshot carries may be taken for the collection of this name, kept already or not there yet.
    func takesRows(of collection: String) -> Bool

    /// Tells the rows beside the collection's points as `db` sees them, in parts: the same each time for one state.
    func archive(_ collection: String, _ db: GRDB.Database, _ write: ([UInt8]) throws -> Void) throws

    /// Reads rows that `archive` has told, checks all of them, and keeps them aside. Blocks; not on the writer thread. Throws
    /// `.invalid` for rows that can't be.
    ///
    /// - Parameter next: the next part, `nil` at the end.
    func stage(_ collection: String, _ configuration: CollectionConfiguration, _ next: () throws -> [UInt8]?) throws

    /// Puts the rows that were staged in place of those that there are, in the transaction that exchanges the points.
    ///
    /// - Parameters:
    ///   - id: the number of the collection that takes the name.
    ///   - hasVector: whether it has a vector of this point.
    func adoptStaged(
        _ collection: String, as id: Int64, hasVector: (PointID) -> Bool, _ transaction: WriteTransaction) throws

    /// Throws away what was staged, whatever came of it. To be called once `stage` has not thrown.
    func unstage(_ collection: String)

    // MARK: Changes

    /// Follows the changes of a job in a kept collection. On the writer thread; what it writes is part of the job, and an
    /// error refuses the job.
    func follow(_ changes: [PointChange], in collection: String, _ transaction: WriteTransaction) throws
}

/// What a job did to one point.
public struct PointChange: Sendable, Equatable {
    public enum Kind: Sendable {
        /// It was written: by an upsert, or with other vectors.
        case written
        /// Its payload alone was changed.
        case payload
        case deleted
    }

    public var id: PointID
    public var kind: Kind
    /// Whether it has any vector now.
    public var hasVector: Bool

    public init(id: PointID, kind: Kind, hasVector: Bool) {
        self.id = id
        self.kind = kind
        self.hasVector = hasVector
    }
}

/// A keeper, which holds the engine in its turn.
struct KeeperReference: Sendable {
    weak var keeper: (any CollectionKeeper)?
}

extension Engine {
    /// Has a keeper follow its collections from now on, as long as it lives. There is one at most; before requests are taken.
    public func setKeeper(_ keeper: any CollectionKeeper) { self.keeper.withLock { $0.keeper = keeper } }

    /// The keeper of a collection, if it has one.
    func keeper(of collection: String) -> (any CollectionKeeper)? {
        keeper.withLock { $0.keeper }.flatMap { $0.keeps(collection) ? $0 : nil }
    }

    /// Throws `.conflict` for a collection whose keeper alone may do this.
    ///
    /// - Parameter what: as in "be deleted".
    func requireUnkept(_ collection: String, _ what: String) throws {
        guard let keeper = keeper(of: collection) else { return }
        throw EngineError.conflict(
            "Collection `\(collection)` can't \(what): rows belong to its points. \(keeper.advice(on: collection))")
    }

    /// Has the keeper follow what the job did so far to the collection.
    func follow(_ collection: PointCollection, _ transaction: WriteTransaction) throws {
        guard let keeper = keeper(of: collection.name) else { return }
        transaction.engine = self
        let changes = try transaction.changes(collection).jobChanges
        if !changes.isEmpty { try keeper.follow(changes, in: collection.name, transaction) }
    }
}

extension StagedChanges {
    /// What the job that is under way did, each point once, in the order of their ids.
    fileprivate var jobChanges: [PointChange] {
        var before: [PointID: UInt32?] = [:]
        for (id, state) in undo where before[id] == nil {
            let slot: UInt32? =
                switch state {
                case .stored(let row, _): row.slot
                case .deleted: nil
                case nil: generation.points.slot(of: id)
                }
            before[id] = .some(slot)
        }
        return before.keys.sorted().compactMap { id in
            guard let row = row(id) else {
                // Made and deleted by the same job.
                return before[id] == .some(nil) ? nil : PointChange(id: id, kind: .deleted, hasVector: false)
            }
            let kind: PointChange.Kind = before[id] == .some(row.slot) ? .payload : .written
            return PointChange(id: id, kind: kind, hasVector: row.vectors != 0)
        }
    }
}
