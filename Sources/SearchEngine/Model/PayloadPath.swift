import JSON

/// A path into a payload, such as `title`, `country.name`, `cities[].population`, `items[0].price`
/// or `"key.with.dots".inner`.
///
/// Field conditions that meet an array at the end of a path look at each of its elements.
public struct PayloadPath: Sendable {
    public enum Step: Sendable, Hashable {
        case key(ByteString)
        /// `[3]`
        case index(Int)
        /// `[]`: every element.
        case all
    }

    /// Payloads are as deep at most as their reader allows, so longer paths could select nothing.
    public static let maximumSteps = 64
    private static let maximumBytes = 16_384

    public let steps: [Step]
    /// The path as it was written.
    public let text: String

    /// Throws `EngineError.invalid` for an empty path, an empty key, or unbalanced quotes or brackets.
    public init(_ text: String) throws {
        func malformed(_ why: String) -> EngineError { .invalid("Malformed JSON path `\(text)`: \(why)") }
        guard text.utf8.count <= Self.maximumBytes else {
            throw EngineError.invalid("Malformed JSON path: it is too long")
        }
        // By bytes: as characters, a quote or a dot could take an accent that follows it.
        var rest = Array(text.utf8)[...]
        func string(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
        guard !rest.isEmpty else { throw malformed("it is empty") }
        var steps: [Step] = []
        while true {
            // A key, plain or quoted.
            let key: ArraySlice<UInt8>
            if rest.first == UInt8(ascii: "\"") {
                rest = rest.dropFirst()
                guard let end = rest.firstIndex(of: UInt8(ascii: "\"")) else {
                    throw malformed("a quote is not closed")
                }
                key = rest[..<end]
                rest = rest[(end + 1)...]
            } else {
                key = rest.prefix { $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "[") }
                guard !key.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "]") }) else {
                    throw malformed("`\"` or `]` inside a key")
                }
                rest = rest[key.endIndex...]
            }
            guard !key.isEmpty else { throw malformed("a key is empty") }
            steps.append(.key(ByteString(string(key))))
            // Any number of subscripts.
            while rest.first == UInt8(ascii: "[") {
                guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else {
                    throw malformed("a bracket is not closed")
                }
                let inside = rest[rest.startIndex + 1..<end]
                if inside.isEmpty {
                    steps.append(.all)
                } else if inside.allSatisfy({ 0x30...0x39 ~= $0 }), let index = Int(string(inside)) {
                    steps.append(.index(index))
                } else {
                    throw malformed("`[\(string(inside))]` is not an array index")
                }
                rest = rest[(end + 1)...]
            }
            guard steps.count <= Self.maximumSteps else {
                throw EngineError.invalid("Malformed JSON path: it has more than \(Self.maximumSteps) steps")
            }
            if rest.isEmpty { break }
            guard rest.first == UInt8(ascii: ".") else {
                throw malformed("expected `.`, `[` or the end at `\(string(rest))`")
            }
            rest = rest.dropFirst()
        }
        self.steps = steps
        self.text = text
    }
}

/// Paths are equal when they are written alike.
extension PayloadPath: Hashable {
    public static func == (a: PayloadPath, b: PayloadPath) -> Bool { a.text.hasSameBytes(as: b.text) }
    public func hash(into hasher: inout Hasher) { hasher.combine(ByteString(text)) }
}
