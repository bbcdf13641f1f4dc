#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reading arrays of numbers as float32: what most bytes of a vector database's requests are.
extension JSONReader {
    /// Appends an array of numbers, each correctly rounded to float32.
    public mutating func readFloats(into values: inout [Float]) throws {
        try open(UInt8(ascii: "["), "an array of numbers")
        skipWhitespace()
        if consume(UInt8(ascii: "]")) {
            depth -= 1
            return
        }
        // Gathered in a block, so that the array's bookkeeping is paid for once a block.
        try withUnsafeTemporaryAllocation(of: Float.self, capacity: Self.blockSize) { block in
            let tables = DecimalTables.shared
            var count = 0
            repeat {
                if count == Self.blockSize {
                    values.append(contentsOf: UnsafeBufferPointer(rebasing: block[..<count]))
                    count = 0
                }
                if let value = readPlainFloat(tables) {
                    block[count] = value
                } else {
                    block[count] = try readFloat()
                }
                count += 1
            } while try another(closing: UInt8(ascii: "]"))
            values.append(contentsOf: UnsafeBufferPointer(rebasing: block[..<count]))
        }
    }

    private static let blockSize = 256

    /// The longest number that `readPlainFloat` reads: sign, digit, point, three words of digits and what ends them.
    private static let plainBytes = 2 + 1 + 1 + 24 + 8

    /// Reads a number of the usual form: one digit, the point, up to 24 digits and no exponent. `nil`, with the reader
    /// where it was, for any other, and for those whose rounding needs a closer look.
    @inline(__always)
    private mutating func readPlainFloat(_ tables: DecimalTables) -> Float? {
        guard end - position >= Self.plainBytes else { return nil }
        var text = UnsafeRawPointer(base + position)
        // After a comma stands at most one space, as a rule.
        if text.load(as: UInt8.self) == 0x20 { text += 1 }
        let isNegative = text.load(as: UInt8.self) == UInt8(ascii: "-")
        text += isNegative ? 1 : 0
        let integral = UInt64(text.load(as: UInt8.self) &- UInt8(ascii: "0"))
        guard integral < 10, text.load(fromByteOffset: 1, as: UInt8.self) == UInt8(ascii: ".") else { return nil }
        text += 2
        var digits: Int
        var mantissa: UInt64
        let first = EightDigits(text)
        if first.count < 8 {
            digits = first.count
            guard digits > 0 else { return nil }
            mantissa = first.leadingValue
        } else {
            let second = EightDigits(text + 8)
            if second.count < 8 {
                digits = 8 + second.count
                mantissa = first.value &* tables.integers[second.count] &+ second.leadingValue
            } else {
                let third = EightDigits(text + 16)
                digits = 16 + third.count
                let upper = first.value &* 100_000_000 &+ second.value
                guard upper <= tables.largestUpper[third.count] else { return nil }
                mantissa = upper &* tables.integers[third.count] &+ third.leadingValue
            }
        }
        if integral != 0 {
            // A digit and 17 more fit in 63 bits.
            guard digits <= 17 else { return nil }
            mantissa &+= integral &* tables.integers[digits]
        }
        text += digits
        let next = text.load(as: UInt8.self)
        guard next &- UInt8(ascii: "0") >= 10, next | 0x20 != UInt8(ascii: "e") else { return nil }
        // Mantissa, power and product are each rounded once, as in `float`.
        let value = Double(Int64(bitPattern: mantissa)) * tables.fractions[digits]
        let distance = Int64(bitPattern: value.bitPattern & 0x1FFF_FFFF) - 0x1000_0000
        guard value >= 0x1p-126 || mantissa == 0, distance.magnitude > 4 else { return nil }
        position = text - UnsafeRawPointer(base)
        let magnitude = Float(value)
        return Float(bitPattern: magnitude.bitPattern | (isNegative ? 0x8000_0000 : 0))
    }
}

/// Eight bytes of text, of which the first `count` are digits.
private struct EightDigits {
    /// The digits' values, the first in the lowest byte; beyond `count` anything.
    private let values: UInt64
    let count: Int

    @inline(__always)
    init(_ text: UnsafeRawPointer) {
        values = UInt64(littleEndian: text.loadUnaligned(as: UInt64.self)) ^ 0x3030_3030_3030_3030
        // The high bit of the first byte that is no digit; carries mark only bytes behind it.
        let others = (values | (values &+ 0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080
        count = others.trailingZeroBitCount >> 3
    }

    /// Of all eight.
    @inline(__always)
    var value: UInt64 { Self.combined(values) }

    /// Of the first `count`: with the others shifted out, zeros stand before them.
    @inline(__always)
    var leadingValue: UInt64 {
        count == 8 ? value : Self.combined((values << (UInt64(7 - count) << 3)) << 8)
    }

    /// Pairs, then fours, then all eight: each multiplication adds neighbours with their weights.
    @inline(__always)
    private static func combined(_ values: UInt64) -> UInt64 {
        let pairs = ((values &* (10 << 8 | 1)) >> 8) & 0x00FF_00FF_00FF_00FF
        let fours = ((pairs &* (100 << 16 | 1)) >> 16) & 0x0000_FFFF_0000_FFFF
        return (fours &* (10_000 << 32 | 1)) >> 32
    }
}

/// What plain numbers are scaled with.
struct DecimalTables: @unchecked Sendable {
    /// 10^0…10^18.
    let integers: UnsafePointer<UInt64>
    /// 10^-0…10^-24, each the nearest double.
    let fractions: UnsafePointer<Double>
    /// Sixteen digits up to this one and so many more fit in 63 bits.
    let largestUpper: UnsafePointer<UInt64>

    static let shared: DecimalTables = {
        let integers = UnsafeMutablePointer<UInt64>.allocate(capacity: 19)
        let fractions = UnsafeMutablePointer<Double>.allocate(capacity: 25)
        let largestUpper = UnsafeMutablePointer<UInt64>.allocate(capacity: 9)
        var power: UInt64 = 1
        for exponent in 0...18 {
            integers[exponent] = power
            power &*= 10
        }
        for exponent in 0...24 { fractions[exponent] = strtod("1e-\(exponent)", nil) }
        for count in 0...8 { largestUpper[count] = UInt64(Int64.max) / integers[count] - 1 }
        return DecimalTables(integers: integers, fractions: fractions, largestUpper: largestUpper)
    }()
}
