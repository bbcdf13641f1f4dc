/// A path into a payload, such as `title`, `country.name`, `cities[].population`, `items[0].price`
/// or `"key.with.dots".inner`.
///
/// Field conditions that meet an array at the end of a path look at each of its elements.
public struct PayloadPath: Sendable, Hashable {
    public enum Step: Sendable, Hashable {
        case key(String)
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
        var steps: [Step] = []
        var rest = Substring(text)
        func malformed(_ why: String) -> EngineError { .invalid("Malformed JSON path `\(text)`: \(why)") }
        guard !rest.isEmpty else { throw malformed("it is empty") }
        guard text.utf8.count <= Self.maximumBytes else {
            throw EngineError.invalid("Malformed JSON path: it is too long")
        }
        while true {
            // A key, plain or quoted.
            if rest.first == "\"" {
                guard let end = rest.dropFirst().firstIndex(of: "\"") else { throw malformed("a quote is not closed") }
                let key = rest[rest.index(after: rest.startIndex)..<end]
                guard !key.isEmpty else { throw malformed("a key is empty") }
                steps.append(.key(String(key)))
                rest = rest[rest.index(after: end)...]
            } else {
                let key = rest.prefix { $0 != "." && $0 != "[" }
                guard !key.isEmpty else { throw malformed("a key is empty") }
                guard !key.contains("\"") && !key.contains("]") else { throw malformed("`\"` or `]` inside a key") }
                steps.append(.key(String(key)))
                rest = rest.dropFirst(key.count)
            }
            // Any number of subscripts.
            while rest.first == "[" {
                guard let end = rest.firstIndex(of: "]") else { throw malformed("a bracket is not closed") }
                let inside = rest[rest.index(after: rest.startIndex)..<end]
                if inside.isEmpty {
                    steps.append(.all)
                } else if let index = Int(inside), index >= 0, inside.allSatisfy(\.isNumber) {
                    steps.append(.index(index))
                } else {
                    throw malformed("`[\(inside)]` is not an array index")
                }
                rest = rest[rest.index(after: end)...]
            }
            guard steps.count <= Self.maximumSteps else {
                throw EngineError.invalid("Malformed JSON path: it has more than \(Self.maximumSteps) steps")
            }
            if rest.isEmpty { break }
            guard rest.first == "." else { throw malformed("expected `.`, `[` or the end at `\(rest)`") }
            rest = rest.dropFirst()
        }
        self.steps = steps
        self.text = text
    }
}
