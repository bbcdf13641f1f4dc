import Dispatch
import Foundation

/// When a request's time is up. The clock doesn't jump.
public typealias Deadline = ContinuousClock.Instant

extension Deadline {
    var isOver: Bool { ContinuousClock.now >= self }

    func check(_ operation: String) throws {
        if isOver { throw timedOut(operation) }
    }

    /// Nanoseconds left, at least none and at most a hundred years.
    private var left: Int {
        let (seconds, attoseconds) = max(self - ContinuousClock.now, .zero).components
        return Int(min(seconds, 100 * 366 * 86_400)) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
    }

    var dispatchTime: DispatchTime { .now() + .nanoseconds(left) }

    /// For what can be waited for by the wall clock alone.
    var date: Date { Date(timeIntervalSinceNow: Double(left) / 1_000_000_000) }
}

func timedOut(_ operation: String) -> EngineError { .timeout("Timeout error: Operation '\(operation)' timed out") }
