import HTTPTypes

/// Decides which failed requests get a line in the log.
///
/// An overloaded server or a full disk fails thousands of requests in the same way. One line a second for each status leaves
/// the log to what else happens. Other failures are told one by one.
package struct FailureLog {
    private static let interval = Duration.seconds(1)
    private static let repeated: Set<Int> = [503, 507]

    private var lastLines: [Int: ContinuousClock.Instant] = [:]
    private var untold: [Int: Int] = [:]

    package init() {}

    /// Whether a failure gets a line now, and if so how many of the same status got none since the line before.
    package mutating func admit(_ status: HTTPResponse.Status, at now: ContinuousClock.Instant) -> Int? {
        guard Self.repeated.contains(status.code) else { return 0 }
        if let last = lastLines[status.code], now - last < Self.interval {
            untold[status.code, default: 0] += 1
            return nil
        }
        lastLines[status.code] = now
        return untold.removeValue(forKey: status.code) ?? 0
    }
}
