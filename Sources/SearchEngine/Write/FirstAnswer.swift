import Synchronization

/// Gives the first of several answers to whoever waits, and drops the others.
final class FirstAnswer<Value: Sendable>: Sendable {
    typealias Completion = @Sendable (Result<Value, any Error>) -> Void
    private let completion: Mutex<Completion?>

    init(_ completion: @escaping Completion) { self.completion = Mutex(completion) }

    func give(_ result: Result<Value, any Error>) {
        let waiting = completion.withLock { completion in
            defer { completion = nil }
            return completion
        }
        waiting?(result)
    }
}
