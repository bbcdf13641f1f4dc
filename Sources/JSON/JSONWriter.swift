/// Appends compact JSON to a byte array, and puts the commas where they belong.
///
/// ```swift
/// var writer = JSONWriter()
/// writer.object { writer in
///     writer.key("id"); writer.write(7)
///     writer.key("tags"); writer.array { $0.write("a"); $0.write("b") }
/// }
/// ```
public struct JSONWriter {
    public private(set) var bytes: [UInt8]
    /// A value has been written that the next one in the same array or object must be parted from.
    private var needsComma = false

    public init(capacity: Int = 256) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    @inline(__always)
    private mutating func begin() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    // MARK: Structure

    public mutating func object(_ body: (inout JSONWriter) throws -> Void) rethrows {
        beginObject()
        try body(&self)
        endObject()
    }

    public mutating func array(_ body: (inout JSONWriter) throws -> Void) rethrows {
        beginArray()
        try body(&self)
        endArray()
    }

    public mutating func beginObject() {
        begin()
        bytes.append(UInt8(ascii: "{"))
        needsComma = false
    }

    public mutating func endObject() {
        bytes.append(UInt8(ascii: "}"))
        needsComma = true
    }

    public mutating func beginArray() {
        begin()
        bytes.append(UInt8(ascii: "["))
        needsComma = false
    }

    public mutating func endArray() {
        bytes.append(UInt8(ascii: "]"))
        needsComma = true
    }

    /// The key of the value that is written next.
    public mutating func key(_ name: String) {
        begin()
        appendString(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// The key of the value that is written next.
    public mutating func key(_ name: ByteString) { key(name.string) }

    /// The key of the value that is written next, which must need no escapes.
    public mutating func key(_ name: StaticString) {
        begin()
        bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    // MARK: Values

    public mutating func write(_ value: String) {
        begin()
        appendString(value)
    }

    public mutating func write(_ value: Bool) {
        begin()
        append(value ? "true" : "false")
    }

    public mutating func writeNull() {
        begin()
        append("null")
    }

    /// Any integer of up to 64 bits.
    @inlinable
    public mutating func write<Integer: FixedWidthInteger>(_ value: Integer) {
        if Integer.isSigned { write(signed: Int64(value)) } else { write(unsigned: UInt64(value)) }
    }

    @usableFromInline
    mutating func write(signed value: Int64) {
        begin()
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        appendDigits(value.magnitude)
    }

    @usableFromInline
    mutating func write(unsigned value: UInt64) {
        begin()
        appendDigits(value)
    }

    private mutating func appendDigits(_ value: UInt64) {
        if value < 10 {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value))
            return
        }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var rest = value
            var first = 20
            while rest != 0 {
                let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: digit)
                rest = quotient
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[first..<20]))
        }
    }

    /// The shortest text that reads back as the same float32; `null` if it is not finite.
    public mutating func write(_ value: Float) {
        begin()
        append(value.isFinite ? value.description : "null")
    }

    /// The shortest text that reads back as the same double; `null` if it is not finite.
    public mutating func write(_ value: Double) {
        begin()
        append(value.isFinite ? value.description : "null")
    }

    @inlinable
    public mutating func write(_ values: some Sequence<Float>) {
        beginArray()
        for value in values { write(value) }
        endArray()
    }

    public mutating func write(_ number: JSONNumber) {
        switch number {
        case .integer(let value): write(value)
        case .unsigned(let value): write(value)
        case .double(let value): write(value)
        }
    }

    public mutating func write(_ value: JSONValue) {
        switch value {
        case .null: writeNull()
        case .bool(let value): write(value)
        case .integer(let value): write(value)
        case .unsigned(let value): write(value)
        case .double(let value): write(value)
        case .string(let value): write(value)
        case .array(let elements):
            beginArray()
            for element in elements { write(element) }
            endArray()
        case .object(let members):
            beginObject()
            for (name, member) in members {
                key(name)
                write(member)
            }
            endObject()
        }
    }

    /// A value that is JSON text already.
    public mutating func write(raw json: [UInt8]) {
        begin()
        bytes.append(contentsOf: json)
    }

    // MARK: Text

    private mutating func append(_ ascii: String) { bytes.append(contentsOf: ascii.utf8) }

    /// Quotes a string and escapes what JSON forbids in it; everything else stays UTF-8.
    private mutating func appendString(_ text: String) {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { utf8 in
            var start = 0
            for index in 0..<utf8.count {
                let byte = utf8[index]
                guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start..<index]))
                appendEscape(byte)
                start = index + 1
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: utf8[start...]))
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func appendEscape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: bytes.append(UInt8(ascii: "b"))
        case 0x09: bytes.append(UInt8(ascii: "t"))
        case 0x0A: bytes.append(UInt8(ascii: "n"))
        case 0x0C: bytes.append(UInt8(ascii: "f"))
        case 0x0D: bytes.append(UInt8(ascii: "r"))
        case 0x00..<0x20:
            let digits: StaticString = "0123456789abcdef"
            append("u00")
            bytes.append(digits.utf8Start[Int(byte >> 4)])
            bytes.append(digits.utf8Start[Int(byte & 15)])
        default: bytes.append(byte)
        }
    }
}
