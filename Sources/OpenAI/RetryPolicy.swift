import Foundation

/// How long to wait before a request is sent again.
struct RetryPolicy: Sendable {
    var first: Duration
    var longest: Duration

    /// Whether the same request may succeed later.
    static func isTemporary(status: Int) -> Bool { [408, 425, 429].contains(status) || (500...599).contains(status) }

    /// The pause after `attempt` (from 1) attempts have failed: what the service asks for, or else a random part of a bound that
    /// doubles each time ("full jitter": Brooker 2015, Exponential Backoff And Jitter), so that clients which failed
    /// together don't come back together.
    func pause(afterAttempt attempt: Int, retryAfter: Duration?, random: Double) -> Duration {
        if let retryAfter { return max(retryAfter, .zero) }
        let bound = min(first.inSeconds * Double(1 << min(attempt - 1, 30)), longest.inSeconds)
        return Duration(clampingSeconds: bound * random)
    }

    /// A `Retry-After` header (RFC 9110, 10.2.3): seconds, or a date, of which what has passed is 0. `nil` if it is neither.
    static func retryAfter(_ text: String?, secondsSince1970 now: Double) -> Duration? {
        guard let text = text?.trimmingCharacters(in: .whitespaces), !text.isEmpty, text.utf8.count <= 64 else {
            return nil
        }
        if text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            return Duration(clampingSeconds: Double(text) ?? .infinity)
        }
        guard let date = HTTPDate.secondsSince1970(text) else { return nil }
        return Duration(clampingSeconds: max(Double(date) - now, 0))
    }
}

/// Dates as HTTP writes them.
enum HTTPDate {
    private static let months = [
        "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11,
        "Dec": 12,
    ]

    /// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that servers may write today (RFC 9110, 5.6.7).
    static func secondsSince1970(_ text: String) -> Int? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[0].hasSuffix(","), parts[5] == "GMT", let day = number(parts[1], 1...31),
            let month = months[String(parts[2])], let year = number(parts[3], 1970...9999)
        else { return nil }
        let time = parts[4].split(separator: ":", omittingEmptySubsequences: false)
        guard time.count == 3, let hour = number(time[0], 0...23), let minute = number(time[1], 0...59),
            let second = number(time[2], 0...60)
        else { return nil }
        return days(year: year, month: month, day: day) * 86_400 + hour * 3_600 + minute * 60 + second
    }

    private static func number(_ text: Substring, _ range: ClosedRange<Int>) -> Int? {
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let value = Int(text)
        else {
            return nil
        }
        return range.contains(value) ? value : nil
    }

    /// Days since 1970 in the Gregorian calendar, counted in years that begin in March, so that leap days come last.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month > 2 ? year : year - 1
        let monthFromMarch = (month + 9) % 12
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + (monthFromMarch * 153 + 2) / 5 + day
            - 719_469
    }
}
