/// Points in time as text.
public enum Datetime {
    /// Microseconds since 1970-01-01T00:00:00Z, or `nil` if the text is no point in time.
    ///
    /// Takes RFC 3339 (`2023-02-08T10:00:00.5+03:00`) and what Qdrant takes beside it: a blank in place of `T`; no
    /// offset (then UTC), or one without minutes or colon; no seconds (then no offset either); a date alone; one digit
    /// where two are usual. Digits below the microsecond are cut off, and a leap second counts as the next second.
    /// Complexity: O(bytes).
    public static func parse(_ text: some StringProtocol) -> Int64? {
        var text = String(text)
        return text.withUTF8 { utf8 in
            var scanner = DatetimeScanner(bytes: utf8)
            return scanner.scan()
        }
    }

    /// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
    static func days(year: Int, month: Int, day: Int) -> Int {
        // Years begin in March here, so that a leap day is a year's last; an era has 400 years.
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func daysInMonth(_ month: Int, year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

private struct DatetimeScanner {
    let bytes: UnsafeBufferPointer<UInt8>
    var position = 0

    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func consume(_ characters: StaticString) -> Bool {
        guard let next, characters.withUTF8Buffer({ $0.contains(next) }) else { return false }
        position += 1
        return true
    }

    mutating func skipBlanks() {
        while let next, next == 0x20 || (0x09...0x0D).contains(next) { position += 1 }
    }

    /// A number of one to `digits` digits.
    mutating func number(digits: Int) -> Int? {
        let start = position
        var value = 0
        while position - start < digits, let next, (0x30...0x39).contains(next) {
            value = value * 10 + Int(next - 0x30)
            position += 1
        }
        return position > start ? value : nil
    }

    mutating func scan() -> Int64? {
        guard let days = date() else { return nil }
        var seconds = 0
        var microseconds = 0
        if position < bytes.count {
            if !consume("Tt") {
                guard consume(" \t") else { return nil }
            }
            skipBlanks()
            guard let hour = number(digits: 2), hour < 24, consume(":") else { return nil }
            skipBlanks()
            guard let minute = number(digits: 2), minute < 60 else { return nil }
            seconds = hour * 3600 + minute * 60
            if consume(":") {
                skipBlanks()
                guard let second = number(digits: 2), second <= 60 else { return nil }
                seconds += second
                if consume(".") {
                    guard let fraction = fraction() else { return nil }
                    microseconds = fraction
                }
                if position < bytes.count {
                    skipBlanks()
                    guard let offset = offset() else { return nil }
                    seconds -= offset
                    skipBlanks()
                }
            }
        }
        guard position == bytes.count else { return nil }
        return Int64((days * 86_400 + seconds) * 1_000_000 + microseconds)
    }

    mutating func date() -> Int? {
        skipBlanks()
        let isNegative = consume("-")
        let isSigned = isNegative || consume("+")
        // A year of six digits in microseconds still fits in 64 bits.
        guard let digits = number(digits: isSigned ? 6 : 4), consume("-") else { return nil }
        let year = isNegative ? -digits : digits
        guard year.magnitude <= 262_142 else { return nil }
        skipBlanks()
        guard let month = number(digits: 2), (1...12).contains(month), consume("-") else { return nil }
        skipBlanks()
        guard let day = number(digits: 2), day >= 1, day <= Datetime.daysInMonth(month, year: year) else { return nil }
        return Datetime.days(year: year, month: month, day: day)
    }

    /// Digits after the point, as microseconds.
    mutating func fraction() -> Int? {
        let start = position
        var value = 0
        while let next, (0x30...0x39).contains(next) {
            if position - start < 6 { value = value * 10 + Int(next - 0x30) }
            position += 1
        }
        guard position > start else { return nil }
        for _ in 0..<max(0, 6 - (position - start)) { value *= 10 }
        return value
    }

    /// Seconds east of Greenwich: `Z`, `+03:00`, `+0300`, `+03`; the minus may be U+2212.
    mutating func offset() -> Int? {
        if consume("Zz") { return 0 }
        var sign = 1
        if bytes.count - position >= 3, bytes[position] == 0xE2, bytes[position + 1] == 0x88,
            bytes[position + 2] == 0x92
        {
            position += 3
            sign = -1
        } else if consume("-") {
            sign = -1
        } else if !consume("+") {
            return nil
        }
        let start = position
        guard let hours = number(digits: 2), position - start == 2, hours < 24 else { return nil }
        if position == bytes.count { return sign * hours * 3600 }
        _ = consume(":")
        let minutesStart = position
        guard let minutes = number(digits: 2), position - minutesStart == 2, minutes < 60 else { return nil }
        return sign * (hours * 3600 + minutes * 60)
    }
}
