import GRDB

/// One group's SQLite transaction and the changes staged beside it, as jobs see them. Lives on the writer thread.
public final class WriteTransaction {
    /// The connection, inside the transaction. For rows that belong with points, such as trends and ideas.
    public let database: GRDB.Database

    /// Set by `Engine.write`.
    weak var engine: Engine?
    /// Whether a filter without its payload indexes is answered by a scan of all payloads.
    var mayScan = true
    private var staged: [ObjectIdentifier: StagedChanges] = [:]
    private var order: [StagedChanges] = []
    private var actions: [() -> Void] = []
    private var actionMark = 0
    /// An action can't be undone, so that the commit must be on disk before it.
    private(set) var needsDurableCommit = false
    private var dropped: Set<ObjectIdentifier> = []
    private var droppedMark: Set<ObjectIdentifier> = []

    init(database: GRDB.Database) { self.database = database }

    /// The changes staged for a collection in this transaction.
    func changes(_ collection: PointCollection) throws -> StagedChanges {
        guard !collection.isDropped, !dropped.contains(ObjectIdentifier(collection)) else {
            throw PointCollection.missing(collection.name)
        }
        if let found = staged[ObjectIdentifier(collection)] { return found }
        let changes = StagedChanges(collection)
        changes.mark()
        staged[ObjectIdentifier(collection)] = changes
        order.append(changes)
        return changes
    }

    /// Later jobs of the group no longer find the collection.
    func markDropped(_ collection: PointCollection) { dropped.insert(ObjectIdentifier(collection)) }

    /// Runs after the commit, on the writer thread, in order. `durably`: not before the commit is on disk, whatever the
    /// durability; for actions that can't be undone, such as removing files.
    package func afterCommit(durably: Bool = false, _ action: @escaping () -> Void) {
        actions.append(action)
        if durably { needsDurableCommit = true }
    }

    /// Begins the next job.
    func mark() {
        mayScan = true
        for changes in order { changes.mark() }
        actionMark = actions.count
        droppedMark = dropped
    }

    func rollbackToMark() {
        for changes in order { changes.rollbackToMark() }
        actions.removeLast(actions.count - actionMark)
        dropped = droppedMark
    }

    /// Writes the collections' versions and slot counts; the last statements before the commit.
    func finish(isSynced: Bool) throws {
        for changes in order { try changes.finish(database, isSynced: isSynced) }
    }

    /// The fields that the group may have written to.
    var fields: [any VectorField] { order.flatMap { $0.generation.storedFields } }

    func publish() {
        for changes in order { changes.publish() }
        for action in actions { action() }
    }

    func abandon() {
        staged = [:]
        order = []
        actions = []
    }
}

extension WriteTransaction {
    /// Stores a collection's new settings. Memory follows after the commit, by the caller.
    func store(_ configuration: CollectionConfiguration, of collection: PointCollection) throws {
        try database.execute(
            sql: "UPDATE collections SET configuration = ? WHERE id = ?",
            arguments: [configuration.stored.text, collection.id])
    }
}
