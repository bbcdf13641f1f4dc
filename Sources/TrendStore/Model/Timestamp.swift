import Foundation
import SearchEngine

/// A point in time: microseconds since 1970-01-01T00:00:00Z, leap seconds aside.
///
/// Rows store the number, payloads the text, so both order and round-trip exactly. A storable timestamp lies within
/// `Timestamp.storable`, the years 1 to 9999.
public struct Timestamp: Sendable, Hashable, Comparable {
    public var microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }

    /// Rounds to the microsecond; a date beyond what 64 bits hold becomes the nearest end of their range.
    public init(_ date: Date) {
        let microseconds = (date.timeIntervalSince1970 * 1_000_000).rounded()
        self.init(microseconds: Int64(exactly: microseconds) ?? (microseconds > 0 ? .max : .min))
    }

    /// Reads RFC 3339, and the looser forms of `Datetime.parse`; `nil` for anything else.
    public init?(_ text: String) {
        guard let microseconds = Datetime.parse(text) else { return nil }
        self.init(microseconds: microseconds)
    }

    public static var now: Timestamp { Timestamp(Date()) }

    /// 0001-01-01T00:00:00Z … 9999-12-31T23:59:59.999999Z.
    public static let storable =
        Timestamp(microseconds: -62_135_596_800_000_000)...Timestamp(microseconds: 253_402_300_799_999_999)

    public var date: Date { Date(timeIntervalSince1970: Double(microseconds) / 1_000_000) }

    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.microseconds < b.microseconds }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339 in UTC, with a fraction of six digits where there is one: `2026-05-01T12:00:00.250000Z`.
    public var description: String {
        let (days, timeOfDay) = floorDivide(microseconds, 86_400_000_000)
        let (seconds, fraction) = floorDivide(timeOfDay, 1_000_000)
        let (year, month, day) = Self.civil(daysSince1970: days)
        var text = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
        text += "T\(padded(seconds / 3600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
        return text + (fraction == 0 ? "Z" : ".\(padded(fraction, 6))Z")
    }

    /// The date of the proleptic Gregorian calendar. Years begin in March inside, so that a leap day is a year's last.
    static func civil(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = floorDivide(days + 719_468, 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}

func floorDivide(_ a: Int64, _ b: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
    return remainder < 0 ? (quotient - 1, remainder + b) : (quotient, remainder)
}

private func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value.magnitude)
    return (value < 0 ? "-" : "") + String(repeating: "0", count: max(0, width - digits.count)) + digits
}
