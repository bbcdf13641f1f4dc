/// A strict pull reader (RFC 8259) over bytes in memory: the caller says what it expects, and nothing is built that it
/// doesn't ask for.
///
/// It accepts exactly the standard's grammar: UTF-8 must be valid, escapes complete, control characters escaped,
/// surrogates paired. Arrays and objects inside one another are limited to `maximumDepth`. Every method throws a
/// `JSONError` that names the spot; after an error the reader must not be used further.
///
/// The reader borrows the bytes: it must not outlive them. `parse` keeps that in order.
public struct JSONReader {
    public static let defaultMaximumDepth = 128

    let base: UnsafePointer<UInt8>
    let end: Int
    var position = 0
    var depth = 0
    let maximumDepth: Int

    public init(_ bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int = JSONReader.defaultMaximumDepth) {
        // An empty buffer may have no address; any will do, as nothing is read.
        base = bytes.baseAddress ?? UnsafePointer(bitPattern: 1).unsafelyUnwrapped
        end = bytes.count
        self.maximumDepth = maximumDepth
    }

    /// Runs `body` on a reader over `bytes`, and checks that it read them to the end.
    public static func parse<Result>(
        _ bytes: some Collection<UInt8>, maximumDepth: Int = JSONReader.defaultMaximumDepth,
        _ body: (inout JSONReader) throws -> Result
    ) throws -> Result {
        func run(_ buffer: UnsafeBufferPointer<UInt8>) throws -> Result {
            var reader = JSONReader(buffer, maximumDepth: maximumDepth)
            let result = try body(&reader)
            try reader.expectEnd()
            return result
        }
        if let result = try bytes.withContiguousStorageIfAvailable(run) { return result }
        return try Array(bytes).withUnsafeBufferPointer(run)
    }

    /// Bytes read so far.
    public var offset: Int { position }

    /// Bytes of the text, such as those of `rawValue`.
    public func bytes(in range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
        precondition(range.lowerBound >= 0 && range.upperBound <= end)
        return UnsafeBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    // MARK: Errors

    /// An error at the current spot, or at `offset`, for what the caller finds wrong.
    @inline(never)
    public func error(_ message: String, at offset: Int? = nil) -> JSONError {
        let offset = min(max(offset ?? position, 0), end)
        var line = 1
        var lineStart = 0
        for index in 0..<offset where base[index] == UInt8(ascii: "\n") {
            line += 1
            lineStart = index + 1
        }
        return JSONError(message: message, offset: offset, line: line, column: offset - lineStart + 1)
    }

    @inline(never)
    func unexpected(_ expected: String) -> JSONError {
        guard position < end else { return error("unexpected end of the text, expected \(expected)") }
        let byte = base[position]
        if byte > 0x20, byte < 0x7F {
            return error("unexpected `\(Character(Unicode.Scalar(byte)))`, expected \(expected)")
        }
        return error("unexpected byte 0x\(String(byte, radix: 16)), expected \(expected)")
    }

    // MARK: Structure

    @inline(__always)
    mutating func skipWhitespace() {
        while position < end {
            let byte = base[position]
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            position += 1
        }
    }

    /// The kind of the next value, by its first byte. Skips white space before it.
    public mutating func peek() throws -> JSONToken {
        skipWhitespace()
        guard position < end else { throw unexpected("a value") }
        switch base[position] {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        default: throw unexpected("a value")
        }
    }

    /// Throws unless nothing but white space is left.
    public mutating func expectEnd() throws {
        skipWhitespace()
        guard position == end else { throw unexpected("the end of the text") }
    }

    /// Moves past `byte`, if it is the next one.
    @inline(__always)
    mutating func consume(_ byte: UInt8) -> Bool {
        guard position < end, base[position] == byte else { return false }
        position += 1
        return true
    }

    mutating func open(_ byte: UInt8, _ name: String) throws {
        skipWhitespace()
        guard position < end, base[position] == byte else { throw unexpected(name) }
        guard depth < maximumDepth else { throw error("more than \(maximumDepth) levels of arrays and objects") }
        depth += 1
        position += 1
    }

    /// After an element: moves past a comma and answers `true`, or past the closing byte and answers `false`.
    @inline(__always)
    mutating func another(closing: UInt8) throws -> Bool {
        skipWhitespace()
        if consume(UInt8(ascii: ",")) { return true }
        if consume(closing) {
            depth -= 1
            return false
        }
        throw unexpected(closing == UInt8(ascii: "]") ? "`,` or `]`" : "`,` or `}`")
    }

    /// Calls `body` once for each element, in order; it must read exactly that element.
    public mutating func readArray(_ body: (inout JSONReader) throws -> Void) throws {
        try open(UInt8(ascii: "["), "an array")
        skipWhitespace()
        if consume(UInt8(ascii: "]")) {
            depth -= 1
            return
        }
        repeat { try body(&self) } while try another(closing: UInt8(ascii: "]"))
    }

    /// Calls `body` once for each member, in order; it must read exactly that member's value.
    ///
    /// Equal keys are all shown.
    public mutating func readObject(_ body: (inout JSONReader, String) throws -> Void) throws {
        try readMembers { reader, key in try body(&reader, key.string) }
    }

    /// `readObject` without a `String` for each key: `switch key { case "vector": … default: try $0.skipValue() }`.
    public mutating func readMembers(_ body: (inout JSONReader, JSONKey) throws -> Void) throws {
        try open(UInt8(ascii: "{"), "an object")
        skipWhitespace()
        if consume(UInt8(ascii: "}")) {
            depth -= 1
            return
        }
        repeat {
            skipWhitespace()
            guard position < end, base[position] == UInt8(ascii: "\"") else { throw unexpected("a key") }
            let key = try scanString()
            skipWhitespace()
            guard consume(UInt8(ascii: ":")) else { throw unexpected("`:`") }
            try body(&self, key)
        } while try another(closing: UInt8(ascii: "}"))
    }

    // MARK: Scalars

    public mutating func readBool() throws -> Bool {
        skipWhitespace()
        if consumeWord("true") { return true }
        if consumeWord("false") { return false }
        throw unexpected("a boolean")
    }

    public mutating func readNull() throws {
        skipWhitespace()
        guard consumeWord("null") else { throw unexpected("null") }
    }

    /// Reads `null` if it comes next.
    public mutating func readNullIfPresent() throws -> Bool {
        guard try peek() == .null else { return false }
        try readNull()
        return true
    }

    mutating func consumeWord(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard end - position >= count else { return false }
        for index in 0..<count where base[position + index] != word.utf8Start[index] { return false }
        position += count
        return true
    }

    // MARK: Any value

    public mutating func readValue() throws -> JSONValue {
        switch try peek() {
        case .null:
            try readNull()
            return .null
        case .bool: return .bool(try readBool())
        case .number: return JSONValue(try readNumber())
        case .string: return .string(try readString())
        case .array:
            var elements: [JSONValue] = []
            try readArray { reader in elements.append(try reader.readValue()) }
            return .array(elements)
        case .object:
            var members: JSONObject = [:]
            try readObject { reader, key in members[key] = try reader.readValue() }
            return .object(members)
        }
    }

    /// Moves past the next value, which is validated all the same.
    public mutating func skipValue() throws {
        switch try peek() {
        case .null: try readNull()
        case .bool: _ = try readBool()
        case .number: _ = try readNumber()
        case .string: _ = try scanString()
        case .array: try readArray { reader in try reader.skipValue() }
        case .object: try readMembers { reader, _ in try reader.skipValue() }
        }
    }

    /// Validates the next value and answers where its text stands.
    public mutating func rawValue() throws -> Range<Int> {
        skipWhitespace()
        let start = position
        try skipValue()
        return start..<position
    }
}
