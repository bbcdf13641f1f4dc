/// How an evaluation looks up now and then between its conditions: whether its time is over, and whether it is of any use still.
struct FilterPace {
    /// Payloads were exchanged meanwhile: the parts of the evaluation may belong to different states.
    struct Outdated: Error {}

    private static let turn = Duration.microseconds(200)

    private let view: CollectionView
    private let deadline: Deadline?
    private let operation: String
    private let time: any TimeSource
    private var last: ContinuousClock.Instant

    init(_ view: CollectionView, until deadline: Deadline?, _ operation: String, _ time: any TimeSource) {
        self.view = view
        self.deadline = deadline
        self.operation = operation
        self.time = time
        last = time.now
    }

    /// Called between conditions. Throws `.timeout`, `.notFound` for a collection that was dropped, and `Outdated`.
    mutating func step() throws {
        CoreTurn.step()
        let now = time.now
        guard now - last >= Self.turn else { return }
        last = now
        if let deadline, now >= deadline { throw timedOut(operation) }
        guard !view.collection.isDropped else { throw PointCollection.missing(view.collection.name) }
        guard view.isCurrent else { throw Outdated() }
    }
}
