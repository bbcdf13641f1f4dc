/// The identity of a point inside a collection: an unsigned 64-bit number or a UUID.
///
/// Numbers sort before UUIDs; each kind sorts by value. That is the order of a scroll.
public enum PointID: Hashable, Sendable {
    case number(UInt64)
    /// A UUID as its two big-endian halves.
    case uuid(high: UInt64, low: UInt64)

    /// Reads a UUID written with hyphens, without them, in braces with hyphens, or as `urn:uuid:` with hyphens, in any
    /// case; `nil` for anything else.
    public init?(uuid text: some StringProtocol) {
        let count = text.utf8.count
        guard count == 32 || count == 36 || count == 38 || count == 45 else { return nil }
        var text = String(text)
        guard let id = text.withUTF8({ Self.uuid($0) }) else { return nil }
        self = id
    }

    private static func uuid(_ text: UnsafeBufferPointer<UInt8>) -> PointID? {
        var bytes = text[...]
        switch text.count {
        case 38:
            guard text.first == UInt8(ascii: "{"), text.last == UInt8(ascii: "}") else { return nil }
            bytes = bytes.dropFirst().dropLast()
        case 45:
            guard zip(text, "urn:uuid:".utf8).allSatisfy({ $0 == $1 || $0 | 0x20 == $1 }) else { return nil }
            bytes = bytes.dropFirst(9)
        default: break
        }
        return uuid(digits: UnsafeBufferPointer(rebasing: bytes))
    }

    private static func uuid(digits bytes: UnsafeBufferPointer<UInt8>) -> PointID? {
        var halves: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for (index, byte) in bytes.enumerated() {
            if bytes.count == 36, index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = hexDigit(byte) else { return nil }
            if digits < 16 { halves.0 = halves.0 << 4 | digit } else { halves.1 = halves.1 << 4 | digit }
            digits += 1
        }
        guard digits == 32 else { return nil }
        return .uuid(high: halves.0, low: halves.1)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}

extension PointID: Comparable {
    public static func < (a: PointID, b: PointID) -> Bool {
        switch (a, b) {
        case (.number(let x), .number(let y)): x < y
        case (.number, .uuid): true
        case (.uuid, .number): false
        case (.uuid(let h1, let l1), .uuid(let h2, let l2)): (h1, l1) < (h2, l2)
        }
    }
}

extension PointID: CustomStringConvertible {
    /// The number in decimal, or the UUID in lowercase with hyphens.
    public var description: String {
        switch self {
        case .number(let value): return String(value)
        case .uuid(let high, let low):
            let digits = Array("0123456789abcdef".utf8)
            var text: [UInt8] = []
            text.reserveCapacity(36)
            for index in 0..<32 {
                if index == 8 || index == 12 || index == 16 || index == 20 { text.append(UInt8(ascii: "-")) }
                let half = index < 16 ? high : low
                text.append(digits[Int(half >> UInt64(60 - 4 * (index % 16)) & 15)])
            }
            return String(decoding: text, as: UTF8.self)
        }
    }
}
