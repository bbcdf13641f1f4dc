import Synchronization

/// A collection as it lives in memory.
package final class PointCollection: @unchecked Sendable {
    package let id: Int64
    package let name: String
    /// Searches hold it shared; publication holds it exclusively, for the memory changes alone.
    package let lock = ReadWriteLock()

    // Under the lock; the writer thread, which alone changes them, reads them without.
    package var configuration: CollectionConfiguration
    package var version: UInt64
    package var generation: Generation

    private let dropped = Atomic(false)
    /// The changes since a build of payload indexes, or a compaction, took its snapshot.
    let changeLogs = Mutex<[ChangeLog]>([])
    /// Of what these logs, and the builders of payload indexes, keep of changes.
    let changeMemory: ByteBudget
    let linkGate = LinkGate()
    /// Called after each publication; set by the indexer.
    let onChange = Mutex<(@Sendable () -> Void)?>(nil)
    let backgroundError = Mutex<String?>(nil)

    package init(
        id: Int64, name: String, configuration: CollectionConfiguration, version: UInt64, generation: Generation,
        changeMemory: ByteBudget
    ) {
        self.id = id
        self.name = name
        self.configuration = configuration
        self.version = version
        self.generation = generation
        self.changeMemory = changeMemory
    }

    package var isDropped: Bool { dropped.load(ordering: .acquiring) }
    func drop() { dropped.store(true, ordering: .releasing) }

    static func missing(_ name: String) -> EngineError {
        .notFound("Collection `\(name)` doesn't exist!")
    }

    /// Called by each publication, under the exclusive lock, so that whoever holds the lock finds the logs complete.
    func noteChanges(_ events: [StagedChanges.Event]) {
        changeLogs.withLock { for log in $0 { log.append(events) } }
        onChange.withLock { $0 }?()
    }
}

/// Collects what is published while a background job works on an older snapshot.
///
/// What it keeps takes from the collection's budget for this: when that is used up, more changes of the collection are refused
/// until the job is done.
final class ChangeLog: @unchecked Sendable {
    private struct State {
        var events: [StagedChanges.Event] = []
        var bytes = 0
    }

    private let state = Mutex(State())
    private let budget: ByteBudget

    init(_ budget: ByteBudget) { self.budget = budget }

    deinit { _ = drain() }

    func append(_ new: [StagedChanges.Event]) {
        let bytes = new.reduce(0) { $0 + $1.bytes }
        budget.add(bytes)
        state.withLock { state in
            state.events.append(contentsOf: new)
            state.bytes += bytes
        }
    }

    func drain() -> [StagedChanges.Event] {
        state.withLock { state in
            budget.give(state.bytes)
            defer { state = State() }
            return state.events
        }
    }
}
