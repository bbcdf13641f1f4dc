/// When something is due, again and again: the five fields of cron, or an interval. All times are UTC.
///
/// `minute hour day-of-month month day-of-week`, each `*`, a number, a range `1-5`, a list `1,15`, or any of them with a step
/// `*/15`; days of the week are 0…7, of which 0 and 7 are Sunday. Where both days are given, one of them has to fit, as cron
/// does it (crontab(5)). `@hourly`, `@daily`, `@weekly` and `@monthly` stand for what they say, and `@every 90m` (`m`, `h` or
/// `d`, one minute to 366 days) for each time that is a multiple of it since 1970-01-01T00:00:00Z.
public struct CronTime: Sendable, Hashable, CustomStringConvertible {
    fileprivate enum Rule: Hashable {
        case fields(Fields)
        case every(minutes: Int64)
    }

    fileprivate struct Fields: Hashable {
        /// Bit n for the value n.
        var minutes: UInt64
        var hours: UInt64
        var days: UInt64
        var months: UInt64
        var weekdays: UInt64
        var anyDay: Bool
        var anyWeekday: Bool
    }

    /// What a text has to be, for errors.
    public static let form = """
        five fields of cron in UTC that name a time (`0 */2 * * *`), `@hourly`, `@daily`, `@weekly`, `@monthly` or `@every 90m`
        """
    package static let mostBytes = 200

    public let description: String
    private let rule: Rule

    private static let names = [
        "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
    ]

    /// `nil` for a text that is none of these, or that names no time, such as 31 February.
    public init?(_ text: String) {
        guard text.utf8.count <= Self.mostBytes else { return nil }
        description = text
        if text.hasPrefix("@every ") {
            guard let minutes = Self.minutes(text.dropFirst(7)) else { return nil }
            rule = .every(minutes: minutes)
            return
        }
        let parts = (Self.names[text] ?? text).split(separator: " ")
        guard parts.count == 5, let minutes = Self.set(parts[0], 0...59), let hours = Self.set(parts[1], 0...23),
            let days = Self.set(parts[2], 1...31), let months = Self.set(parts[3], 1...12),
            let weekdays = Self.set(parts[4], 0...7)
        else { return nil }
        rule = .fields(
            Fields(
                minutes: minutes, hours: hours, days: days, months: months,
                weekdays: weekdays & 0x7F | (weekdays >> 7 & 1), anyDay: parts[2].hasPrefix("*"),
                anyWeekday: parts[4].hasPrefix("*")))
        guard next(after: Timestamp(microseconds: 0)) != nil else { return nil }
    }

    /// The first time behind `time`; `nil` where there is none that can be stored. Complexity: O(days until then), at most some
    /// thousand.
    public func next(after time: Timestamp) -> Timestamp? {
        guard Timestamp.storable.contains(time) else { return nil }
        let minute = floorDivide(time.microseconds, 60_000_000).quotient + 1
        let found: Int64?
        switch rule {
        case .every(let interval):
            let (quotient, remainder) = floorDivide(minute, interval)
            found = (remainder == 0 ? quotient : quotient + 1) * interval
        case .fields(let fields): found = fields.next(from: minute)
        }
        guard let found else { return nil }
        let next = Timestamp(microseconds: found * 60_000_000)
        return Timestamp.storable.contains(next) ? next : nil
    }

    private static func minutes(_ text: Substring) -> Int64? {
        let units: [Character: Int64] = ["m": 1, "h": 60, "d": 1_440]
        guard let last = text.last, let unit = units[last], let count = number(text.dropLast(), 1...527_040) else {
            return nil
        }
        let minutes = Int64(count) * unit
        return minutes <= 527_040 ? minutes : nil
    }

    private static func number(_ text: Substring, _ range: ClosedRange<Int>) -> Int? {
        guard (1...6).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }),
            let number = Int(text),
            range.contains(number)
        else { return nil }
        return number
    }

    /// The values that a field names.
    private static func set(_ text: Substring, _ range: ClosedRange<Int>) -> UInt64? {
        var bits: UInt64 = 0
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let stepped = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            var step = 1
            if stepped.count == 2 {
                guard let number = number(stepped[1], 1...range.upperBound) else { return nil }
                step = number
            }
            let ends = stepped[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            let values: ClosedRange<Int>
            if stepped[0] == "*" {
                values = range
            } else if let first = number(ends[0], range) {
                guard
                    let last = ends.count == 2 ? number(ends[1], range) : stepped.count == 2 ? range.upperBound : first,
                    first <= last
                else { return nil }
                values = first...last
            } else {
                return nil
            }
            for value in stride(from: values.lowerBound, through: values.upperBound, by: step) {
                bits |= 1 << UInt64(value)
            }
        }
        return bits
    }
}

extension CronTime.Fields {
    /// A leap day falls on the same day of the week after 40 years at the latest, where a century comes between.
    private static let mostDays: Int64 = 41 * 366

    /// The first minute since 1970 that fits, from `start` on.
    fileprivate func next(from start: Int64) -> Int64? {
        let (firstDay, ofDay) = floorDivide(start, 1_440)
        for day in firstDay...(firstDay + Self.mostDays) where fits(day: day) {
            let from = day == firstDay ? Int(ofDay) : 0
            for hour in (from / 60)..<24 where hours >> UInt64(hour) & 1 == 1 {
                let firstMinute = hour == from / 60 ? from % 60 : 0
                for minute in firstMinute..<60 where minutes >> UInt64(minute) & 1 == 1 {
                    return day * 1_440 + Int64(hour * 60 + minute)
                }
            }
        }
        return nil
    }

    private func fits(day: Int64) -> Bool {
        let (_, month, dayOfMonth) = Timestamp.civil(daysSince1970: day)
        guard months >> UInt64(month) & 1 == 1 else { return false }
        // 1970 began with a Thursday.
        let weekday = floorDivide(day + 4, 7).remainder
        let isDay = days >> UInt64(dayOfMonth) & 1 == 1
        let isWeekday = weekdays >> UInt64(weekday) & 1 == 1
        return anyDay || anyWeekday ? isDay && isWeekday : isDay || isWeekday
    }
}
