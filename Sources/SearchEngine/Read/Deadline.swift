import Dispatch
import Foundation

/// When a request's time is up. The clock doesn't jump.
public typealias Deadline = ContinuousClock.Instant

extension Deadline {
    var isOver: Bool { ContinuousClock.now >= self }

    func check(_ operation: String) throws {
        if isOver { throw timedOut(operation) }
    }

    /// Time left, at least none.
    private var left: Duration { max(self - ContinuousClock.now, .zero) }

    var dispatchTime: DispatchTime {
        let (seconds, attoseconds) = left.components
        return .now() + .nanoseconds(Int(seconds.clamped * 1_000_000_000 + attoseconds / 1_000_000_000))
    }

    /// For what can be waited for by the wall clock alone.
    var date: Date { Date(timeIntervalSinceNow: Double(left.components.seconds) + 0.001) }
}

extension Int64 {
    /// A hundred years are enough.
    fileprivate var clamped: Int64 { Swift.min(self, 100 * 366 * 86_400) }
}

func timedOut(_ operation: String) -> EngineError { .timeout("Timeout error: Operation '\(operation)' timed out") }
