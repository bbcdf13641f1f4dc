import Synchronization

/// Decides which slow requests get a line in the log.
///
/// When everything is slow, thousands of requests are. The first few of each second are told, and with the next one how many
/// were left out.
package final class SlowRequestLog: Sendable {
    private static let mostLinesASecond = 10

    private struct Second {
        var start: ContinuousClock.Instant?
        var lines = 0
        var untold = 0
    }

    /// `nil`: no request is slow.
    private let threshold: Duration?
    private let second = Mutex(Second())

    package init(threshold: Duration?) { self.threshold = threshold }

    /// Whether a request that took so long gets a line now, and if so how many slow ones before it got none.
    package func admit(_ duration: Duration, at now: ContinuousClock.Instant) -> Int? {
        guard let threshold, duration >= threshold else { return nil }
        return second.withLock { second in
            if let start = second.start, now - start < .seconds(1) {
                guard second.lines < Self.mostLinesASecond else {
                    second.untold += 1
                    return nil
                }
            } else {
                second.start = now
                second.lines = 0
            }
            second.lines += 1
            defer { second.untold = 0 }
            return second.untold
        }
    }
}
