import Synchronization

/// Keeps an update in its place of the queue while payload indexes are built that its filters need: the writer neither
/// builds them nor waits.
///
/// Other updates of the collection may be made meanwhile, since nobody has been promised an order of updates that are
/// under way at once. Once the client has its answer (its time was up), what it asks for next must come later: then the
/// update holds up the collection's later ones.
package final class WriteGate: Sendable {
    /// Times that the indexes may be gone again when the update gets its turn. Then it scans instead.
    private static let mostAttempts = 3

    private struct State {
        var isOpen = true
        var isAnswered = false
        var attempts = 0
    }

    let collection: ObjectIdentifier
    private let build: @Sendable (PayloadIndexesMissing, _ completion: @escaping @Sendable () -> Void) -> Void
    private let state = Mutex(State())

    /// - Parameter build: has indexes built, and calls `completion` when they are or when that has failed.
    init(
        _ collection: PointCollection,
        build: @escaping @Sendable (PayloadIndexesMissing, _ completion: @escaping @Sendable () -> Void) -> Void
    ) {
        self.collection = ObjectIdentifier(collection)
        self.build = build
    }

    /// Whether the update may be made now.
    var isOpen: Bool { state.withLock { $0.isOpen } }
    /// Whether later updates of the collection wait while this one does.
    var isAnswered: Bool { state.withLock { $0.isAnswered } }
    /// Whether the update scans all payloads rather than wait for indexes any longer.
    var mayScan: Bool { state.withLock { $0.attempts >= Self.mostAttempts } }

    func noteAnswered() { state.withLock { $0.isAnswered = true } }

    /// Closes the gate until the indexes are built; `opened` is called then.
    func wait(for missing: PayloadIndexesMissing, opened: @escaping @Sendable () -> Void) {
        state.withLock { state in
            state.isOpen = false
            state.attempts += 1
        }
        build(missing) { [self] in
            state.withLock { $0.isOpen = true }
            opened()
        }
    }
}
