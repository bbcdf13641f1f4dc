/// How a filter is evaluated under a collection's shared lock without holding up others: between its conditions writers go
/// ahead now and then, and the time limit is looked at.
///
/// A slot's vectors never change, and its payload seldom: most writes give points new slots, which an evaluation that has
/// begun before leaves out. So the parts fit together unless a payload was changed in place or a payload index went; then the
/// evaluation ends with `Outdated`, and is made again.
struct FilterPace {
    struct Outdated: Error {}

    /// Other readers wait as long for a writer that waits for this one.
    private static let turn = Duration.microseconds(200)

    private let collection: PointCollection
    private let generation: Generation
    private let deadline: Deadline?
    private let operation: String
    private let time: any TimeSource
    /// Whether the lock may be let go.
    private let yields: Bool
    private let payloadChanges: Int
    private let revision: Int
    private var last: ContinuousClock.Instant

    /// Under the shared lock.
    init(
        _ collection: PointCollection, yields: Bool, until deadline: Deadline?, _ operation: String,
        _ time: any TimeSource
    ) {
        self.collection = collection
        generation = collection.generation
        self.yields = yields
        self.deadline = deadline
        self.operation = operation
        self.time = time
        payloadChanges = generation.payloadChanges
        revision = generation.payloadIndexes.revision
        last = time.now
    }

    /// Called between conditions. Throws `.timeout` and `Outdated`.
    mutating func step() throws {
        let now = time.now
        guard now - last >= Self.turn else { return }
        last = now
        if let deadline, now >= deadline { throw timedOut(operation) }
        guard yields else { return }
        collection.lock.yieldRead()
        guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
        guard generation.payloadChanges == payloadChanges, generation.payloadIndexes.revision == revision else {
            throw Outdated()
        }
    }
}

/// The points of a generation at one time: which slots there were, and which of them lived.
struct LivePoints {
    let slotCount: Int
    let words: [UInt64]

    /// Under the shared lock.
    init(_ points: PointTable) {
        slotCount = points.slotCount
        words = points.live
    }
}
