/// A read needs payload indexes that are not there yet, on a thread that must not wait for them
/// (`Engine.withoutWaitingForIndexes`).
public struct PayloadIndexesMissing: Error {
    let collection: PointCollection
    let keys: [FieldIndexKey]

    @TaskLocal static var mayWait = true
}

extension Engine {
    /// Runs `body`, in which a read throws `PayloadIndexesMissing` rather than wait until indexes are built that it needs:
    /// that takes a scan of all payloads, for which a thread that others wait for should not be held. Build them with
    /// `build(_:deadline:completion:)`, and do the read again.
    public static func withoutWaitingForIndexes<Value>(_ body: () throws -> Value) rethrows -> Value {
        try PayloadIndexesMissing.$mayWait.withValue(false, operation: body)
    }

    /// Has the indexes built that a read found missing, and calls `completion` once, when they are there, when that has
    /// failed, or with `.timeout` when the deadline has come first; then the build goes on. The thread must not be kept.
    public func build(
        _ missing: PayloadIndexesMissing, deadline: Deadline?,
        completion: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) {
        let answer = FirstAnswer(completion)
        let timer = deadline.map { deadline in
            environment.executor.schedule(at: deadline) { answer.give(.failure(timedOut("Index"))) }
        }
        indexBuilds.request(missing.keys, of: missing.collection) { outcome in
            timer?.cancel()
            answer.give(outcome)
        }
    }
}
