import Foundation
import Synchronization

/// The `Date` header's value, made once a second.
final class DateHeader: Sendable {
    private struct Cached {
        var second = 0
        var text = ""
    }

    private let cached = Mutex(Cached())

    var value: String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let second = Int(now.tv_sec)
        return cached.withLock { cached in
            if cached.second != second { cached = Cached(second: second, text: Self.text(second)) }
            return cached.text
        }
    }

    /// `Tue, 24 Nov 2026 11:12:56 GMT` (RFC 9110, section 5.6.7), in any locale.
    static func text(_ second: Int) -> String {
        var time = time_t(second)
        var parts = tm()
        gmtime_r(&time, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) "
            + "\(parts.tm_year + 1900) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
    }
}
