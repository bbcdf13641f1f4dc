/// A key (or any string) of the text under a reader. Without escapes it is a view of the text, and costs no allocation.
///
/// Compares with literals: `key == "vector"`, and as a pattern of a `switch`.
public struct JSONKey {
    /// The text between the quotes, if it has no escapes.
    let raw: UnsafeBufferPointer<UInt8>
    let unescaped: String?

    public var string: String { unescaped ?? String(decoding: raw, as: UTF8.self) }

    public static func == (key: JSONKey, literal: StaticString) -> Bool {
        literal.withUTF8Buffer { expected in
            if let unescaped = key.unescaped { return unescaped.utf8.elementsEqual(expected) }
            guard expected.count == key.raw.count else { return false }
            for index in 0..<expected.count where expected[index] != key.raw[index] { return false }
            return true
        }
    }

    public static func ~= (literal: StaticString, key: JSONKey) -> Bool { key == literal }
}

extension JSONReader {
    public mutating func readString() throws -> String {
        skipWhitespace()
        guard position < end, base[position] == UInt8(ascii: "\"") else { throw unexpected("a string") }
        return try scanString().string
    }

    /// Reads a string without an allocation, if it has no escapes.
    public mutating func readStringView() throws -> JSONKey {
        skipWhitespace()
        guard position < end, base[position] == UInt8(ascii: "\"") else { throw unexpected("a string") }
        return try scanString()
    }

    /// Reads the string whose opening quote is next.
    mutating func scanString() throws -> JSONKey {
        let start = position + 1
        position = start
        while true {
            skipPlainCharacters()
            guard position < end else { throw unexpected("`\"`") }
            let byte = base[position]
            if byte == UInt8(ascii: "\"") {
                let raw = UnsafeBufferPointer(start: base + start, count: position - start)
                position += 1
                return JSONKey(raw: raw, unescaped: nil)
            }
            if byte == UInt8(ascii: "\\") {
                return JSONKey(raw: UnsafeBufferPointer(start: base, count: 0), unescaped: try unescape(from: start))
            }
            repeat { try skipMultibyteCharacter() } while position < end && base[position] >= 0x80
        }
    }

    /// Moves past ASCII characters that stand for themselves, eight at a time.
    @inline(__always)
    private mutating func skipPlainCharacters() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while position + 8 <= end {
            let word = UnsafeRawPointer(base + position).loadUnaligned(as: UInt64.self)
            let quote = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
            let backslash = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
            // The high bit of each byte that is zero in `quote` or `backslash`, below 0x20, or not ASCII. A borrow may
            // mark a byte above a marked one as well, which is why the exact byte is then found one by one.
            let stop = (quote &- ones) | (backslash &- ones) | (word &- ones &* 0x20) | word
            if stop & highs != 0 { break }
            position += 8
        }
        while position < end {
            let byte = base[position]
            if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
            position += 1
        }
    }

    /// Moves past one character of two to four bytes, or fails on what isn't one (or is a control character).
    private mutating func skipMultibyteCharacter() throws {
        func continuation(_ index: Int, _ range: ClosedRange<UInt8> = 0x80...0xBF) -> Bool {
            position + index < end && range.contains(base[position + index])
        }
        let first = base[position]
        switch first {
        case 0x00..<0x20: throw error("a control character must be escaped in a string")
        case 0xC2...0xDF where continuation(1): position += 2
        // The second byte's ranges leave out overlong forms, surrogates and what is above U+10FFFF.
        case 0xE0 where continuation(1, 0xA0...0xBF) && continuation(2),
            0xED where continuation(1, 0x80...0x9F) && continuation(2):
            position += 3
        case 0xE1...0xEC where continuation(1) && continuation(2), 0xEE...0xEF where continuation(1) && continuation(2):
            position += 3
        case 0xF0 where continuation(1, 0x90...0xBF) && continuation(2) && continuation(3),
            0xF4 where continuation(1, 0x80...0x8F) && continuation(2) && continuation(3):
            position += 4
        case 0xF1...0xF3 where continuation(1) && continuation(2) && continuation(3): position += 4
        default: throw error("invalid UTF-8 in a string")
        }
    }

    /// Reads the rest of a string that has escapes; `position` is at the first backslash.
    private mutating func unescape(from start: Int) throws -> String {
        var text = Array(UnsafeBufferPointer(start: base + start, count: position - start))
        while true {
            guard position < end else { throw unexpected("`\"`") }
            switch base[position] {
            case UInt8(ascii: "\""):
                position += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                position += 1
                try readEscape(into: &text)
            default:
                let from = position
                skipPlainCharacters()
                if position == from { try skipMultibyteCharacter() }
                text.append(contentsOf: UnsafeBufferPointer(start: base + from, count: position - from))
            }
        }
    }

    private mutating func readEscape(into text: inout [UInt8]) throws {
        guard position < end else { throw unexpected("an escape") }
        let byte = base[position]
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            let escape = position - 1
            position += 1
            var code = UInt32(try readHexDigits())
            if code & 0xFC00 == 0xD800, position + 1 < end, base[position] == UInt8(ascii: "\\"),
                base[position + 1] == UInt8(ascii: "u")
            {
                position += 2
                let low = UInt32(try readHexDigits())
                guard low & 0xFC00 == 0xDC00 else { throw error("a surrogate without its other half", at: escape) }
                code = 0x10000 + (code & 0x3FF) << 10 + (low & 0x3FF)
            }
            guard let scalar = Unicode.Scalar(code) else {
                throw error("a surrogate without its other half", at: escape)
            }
            text.append(contentsOf: UTF8.encode(scalar).unsafelyUnwrapped)
            return
        default: throw unexpected("an escape")
        }
        position += 1
    }

    private mutating func readHexDigits() throws -> UInt16 {
        var code: UInt16 = 0
        for _ in 0..<4 {
            guard position < end else { throw unexpected("a hexadecimal digit") }
            let byte = base[position]
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): code = code << 4 | UInt16(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): code = code << 4 | UInt16(byte - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"): code = code << 4 | UInt16(byte - UInt8(ascii: "A") + 10)
            default: throw unexpected("a hexadecimal digit")
            }
            position += 1
        }
        return code
    }
}
