#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A number's text taken apart: `±mantissa · 10^exponent`.
struct DecimalNumber {
    var isNegative = false
    /// The significant digits, if `isExact`.
    var mantissa: UInt64 = 0
    var exponent = 0
    /// The digits fit in `mantissa`, and the exponent is not absurd.
    var isExact = true
    /// Neither fraction nor exponent was written.
    var isInteger = true
    /// Where its text stands.
    var start = 0
    var end = 0
}

/// 10^0…10^`highestPower`, each the nearest double; exact up to 10^22.
private let highestPower = 60
nonisolated(unsafe) private let powersOfTen: UnsafePointer<Double> = {
    let table = UnsafeMutablePointer<Double>.allocate(capacity: highestPower + 1)
    for power in 0...highestPower { table[power] = strtod("1e\(power)", nil) }
    return UnsafePointer(table)
}()

extension JSONReader {
    /// Reads any number. Integers beyond 64 bits become doubles; throws for what a double can't hold.
    public mutating func readNumber() throws -> JSONNumber {
        skipWhitespace()
        let decimal = try scanNumber()
        if decimal.isInteger, decimal.isExact {
            if !decimal.isNegative {
                if let value = Int64(exactly: decimal.mantissa) { return .integer(value) }
                return .unsigned(decimal.mantissa)
            }
            // Minus zero is a double, so that its sign is kept.
            if decimal.mantissa != 0, decimal.mantissa <= Int64.min.magnitude {
                return .integer(Int64(truncatingIfNeeded: 0 &- decimal.mantissa))
            }
        }
        return .double(try double(decimal))
    }

    /// Any number, as a double.
    public mutating func readDouble() throws -> Double {
        skipWhitespace()
        return try double(scanNumber())
    }

    /// A number without fraction and exponent that fits in `Int64`.
    public mutating func readInteger() throws -> Int64 {
        skipWhitespace()
        let start = position
        switch try readNumber() {
        case .integer(let value): return value
        case .double(let value) where value == 0 && position - start == 2 && base[start + 1] == UInt8(ascii: "0"):
            return 0  // `-0`
        default: throw error("expected an integer of 64 bits", at: start)
        }
    }

    /// A number without fraction and exponent that fits in `UInt64`.
    public mutating func readUnsigned() throws -> UInt64 {
        skipWhitespace()
        let start = position
        switch try readNumber() {
        case .integer(let value) where value >= 0: return UInt64(value)
        case .unsigned(let value): return value
        default: throw error("expected an unsigned integer of 64 bits", at: start)
        }
    }

    /// A number, correctly rounded to float32; throws for what float32 can't hold.
    public mutating func readFloat() throws -> Float {
        skipWhitespace()
        return try float(scanNumber(), powersOfTen)
    }

    // MARK: Scanning

    /// Moves past a number of the standard's grammar.
    @inline(__always)
    mutating func scanNumber() throws -> DecimalNumber {
        var decimal = DecimalNumber()
        decimal.start = position
        decimal.isNegative = consume(UInt8(ascii: "-"))
        // The integral part: one zero, or digits that don't begin with one.
        let first = position
        guard position < end, isDigit(base[position]) else { throw unexpected("a number") }
        if base[position] == UInt8(ascii: "0") {
            position += 1
            if position < end, isDigit(base[position]) { throw error("a number must not begin with 0") }
        } else {
            scanDigits(into: &decimal)
        }
        var digits = base[first] == UInt8(ascii: "0") ? 0 : position - first
        if consume(UInt8(ascii: ".")) {
            decimal.isInteger = false
            let fraction = position
            if digits == 0 {
                // Zeros after the point are not significant.
                while position < end, base[position] == UInt8(ascii: "0") { position += 1 }
            }
            let significant = position
            scanDigits(into: &decimal)
            guard position > fraction else { throw unexpected("a digit") }
            digits += position - significant
            decimal.exponent = fraction - position
        }
        // 19 digits fit in 64 bits; what came after has wrapped around.
        if digits > 19 { recheckMantissa(&decimal, first: first, digits: digits) }
        if position < end, base[position] | 0x20 == UInt8(ascii: "e") {
            decimal.isInteger = false
            position += 1
            try scanExponent(into: &decimal)
        }
        decimal.end = position
        return decimal
    }

    @inline(__always)
    private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    /// Moves past digits, eight at a time, and appends them to the mantissa (which may wrap around).
    @inline(__always)
    private mutating func scanDigits(into decimal: inout DecimalNumber) {
        var mantissa = decimal.mantissa
        var position = position
        while position + 8 <= end {
            // Little endian, so that the first digit is the lowest byte.
            let word = UInt64(littleEndian: UnsafeRawPointer(base + position).loadUnaligned(as: UInt64.self))
            let values = word ^ 0x3030_3030_3030_3030
            guard (values | (values &+ 0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080 == 0 else { break }
            // Pairs, then fours, then all eight: each multiplication adds neighbours with their weights.
            let pairs = ((values &* (10 << 8 | 1)) >> 8) & 0x00FF_00FF_00FF_00FF
            let fours = ((pairs &* (100 << 16 | 1)) >> 16) & 0x0000_FFFF_0000_FFFF
            mantissa = mantissa &* 100_000_000 &+ ((fours &* (10_000 << 32 | 1)) >> 32)
            position += 8
        }
        while position < end, isDigit(base[position]) {
            mantissa = mantissa &* 10 &+ UInt64(base[position] &- UInt8(ascii: "0"))
            position += 1
        }
        decimal.mantissa = mantissa
        self.position = position
    }

    /// Twenty digits may still fit in 64 bits; more never do.
    @inline(never)
    private func recheckMantissa(_ decimal: inout DecimalNumber, first: Int, digits: Int) {
        decimal.isExact = false
        guard digits == 20 else { return }
        var mantissa: UInt64 = 0
        for index in first..<position where base[index] != UInt8(ascii: ".") {
            let (product, overflow) = mantissa.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(base[index] - UInt8(ascii: "0")))
            if overflow || carry { return }
            mantissa = sum
        }
        decimal.mantissa = mantissa
        decimal.isExact = true
    }

    @inline(__always)
    private mutating func scanExponent(into decimal: inout DecimalNumber) throws {
        let isNegative = consume(UInt8(ascii: "-"))
        if !isNegative { _ = consume(UInt8(ascii: "+")) }
        guard position < end, isDigit(base[position]) else { throw unexpected("a digit") }
        var exponent = 0
        while position < end, isDigit(base[position]) {
            // Far outside a double's range it no longer matters how far.
            if exponent < 100_000 { exponent = exponent * 10 + Int(base[position] - UInt8(ascii: "0")) }
            position += 1
        }
        decimal.exponent += isNegative ? -exponent : exponent
    }

    // MARK: Rounding

    private func double(_ decimal: DecimalNumber) throws -> Double {
        // With both operands exact, one operation rounds correctly (Clinger 1990, "How to read floating point
        // numbers accurately").
        if decimal.isExact, decimal.mantissa <= 1 << 53, decimal.exponent.magnitude <= 22 {
            let mantissa = Double(decimal.mantissa)
            let power = powersOfTen[Int(decimal.exponent.magnitude)]
            let value = decimal.exponent < 0 ? mantissa / power : mantissa * power
            return decimal.isNegative ? -value : value
        }
        let value = withTerminatedText(of: decimal) { strtod($0, nil) }
        guard value.isFinite else { throw error("a number beyond the range of a double", at: decimal.start) }
        return value
    }

    @inline(__always)
    private func float(_ decimal: DecimalNumber, _ powers: UnsafePointer<Double>) throws -> Float {
        if decimal.isExact, decimal.exponent.magnitude <= highestPower {
            // Mantissa, power and result are each rounded once: the double is at most 3 units in its last place off
            // the true value. Rounding it to float32 then is correct unless a midpoint between two floats is that
            // near; midpoints have the bit pattern 1000… in the 29 bits that float32 lacks.
            let mantissa = Double(decimal.mantissa)
            let power = powers[Int(decimal.exponent.magnitude)]
            let value = decimal.exponent < 0 ? mantissa / power : mantissa * power
            let distance = Int64(value.bitPattern & 0x1FFF_FFFF) - 0x1000_0000
            let isNormal = value >= 0x1p-126 && value <= 0x1.fffffep127
            if (isNormal && distance.magnitude > 4) || decimal.mantissa == 0 {
                return Float(decimal.isNegative ? -value : value)
            }
        }
        return try exactFloat(decimal)
    }

    @inline(never)
    private func exactFloat(_ decimal: DecimalNumber) throws -> Float {
        let value = withTerminatedText(of: decimal) { strtof($0, nil) }
        guard value.isFinite else { throw error("a number beyond the range of float32", at: decimal.start) }
        return value
    }

    /// The number's text with the zero after it that the C library wants.
    private func withTerminatedText<Result>(of decimal: DecimalNumber, _ body: (UnsafePointer<CChar>) -> Result)
        -> Result
    {
        let count = decimal.end - decimal.start
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: count + 1) { text in
            for index in 0..<count { text[index] = CChar(bitPattern: base[decimal.start + index]) }
            text[count] = 0
            return body(UnsafePointer(text.baseAddress.unsafelyUnwrapped))
        }
    }
}
