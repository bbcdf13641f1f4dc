import Foundation
import JSON
import SearchEngine

/// The rules that single values obey. All throw `TrendStoreError.invalid` with the field's name.
package enum FieldRules {
    package static let titleLength = 1...500
    package static let descriptionLength = 0...100_000
    package static let urlLength = 1...2_048
    package static let keywordLength = 1...100
    package static let nameLength = 1...200
    package static let errorLength = 0...10_000
    package static let attempts = 1...100
    package static let maximumTags = 64
    package static let maximumJSONBytes = 1 << 20
    package static let maximumJSONDepth = 64
    package static let score = 0...100
    package static let domainLength = 1...253
    package static let claimedTypes = 1...32
    /// Seconds.
    package static let lease: ClosedRange<Double> = 1...3_600
    /// Seconds.
    package static let backoff: ClosedRange<Double> = 0...86_400

    static func text(_ value: String, _ field: String, length: ClosedRange<Int>) throws {
        let count = value.unicodeScalars.count
        guard length.contains(count) else {
            let rule = length.lowerBound == 0 ? "at most" : "\(length.lowerBound) to"
            throw invalid(field, "must have \(rule) \(length.upperBound) characters, not \(count)")
        }
        // SQLite's text functions stop at a zero byte, so that what is stored would not be what was checked.
        guard !value.utf8.contains(0) else { throw invalid(field, "must not contain the character U+0000") }
    }

    /// A text that filters compare for equality: in NFC, so that equal means equal bytes everywhere.
    static func keyword(_ value: String, _ field: String) throws -> String {
        // Bounded first: normalising is linear, but not free.
        try text(value, field, length: keywordLength)
        let normalized = value.precomposedStringWithCanonicalMapping
        try text(normalized, field, length: keywordLength)
        return normalized
    }

    static func tags(_ values: [String], _ field: String) throws -> [String] {
        guard values.count <= maximumTags else {
            throw invalid(field, "must be at most \(maximumTags) tags, not \(values.count)")
        }
        var seen = Set<String>()
        return try values.indices.compactMap { index in
            let tag = try keyword(values[index], "\(field)[\(index)]")
            return seen.insert(tag).inserted ? tag : nil
        }
    }

    /// A finite number; -0 becomes 0, which is how SQLite stores it.
    static func number(_ value: Double, _ field: String, atLeast minimum: Double? = nil) throws -> Double {
        guard value.isFinite else { throw invalid(field, "must be a finite number, not \(value)") }
        if let minimum, value < minimum { throw invalid(field, "must be at least \(minimum), not \(value)") }
        return value == 0 ? 0 : value
    }

    /// A host name of ASCII letters, digits and hyphens in labels of 1…63, in lower case (RFC 1123; other scripts as `xn--…`).
    static func domain(_ value: String, _ field: String) throws -> String {
        try text(value, field, length: domainLength)
        let labels = value.split(separator: ".", omittingEmptySubsequences: false)
        let isHost = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy { byte in
                    byte == 45 || (48...57).contains(byte) || (97...122).contains(byte | 32) && byte & 64 != 0
                }
        }
        guard isHost, labels.count >= 2 else {
            throw invalid(field, "must be a host name such as example.org, not `\(value.prefix(100))`")
        }
        return value.lowercased()
    }

    static func score(_ value: Int, _ field: String) throws {
        guard score.contains(value) else { throw invalid(field, "must be an integer 0…100, not \(value)") }
    }

    static func integer(_ value: Int, _ field: String, _ range: ClosedRange<Int>) throws {
        guard range.contains(value) else {
            throw invalid(field, "must be \(range.lowerBound)…\(range.upperBound), not \(value)")
        }
    }

    static func seconds(_ value: Double, _ field: String, _ range: ClosedRange<Double>) throws {
        guard range.contains(value) else {
            throw invalid(field, "must be \(range.lowerBound)…\(range.upperBound) seconds, not \(value)")
        }
    }

    static func time(_ value: Timestamp, _ field: String) throws {
        guard Timestamp.storable.contains(value) else {
            throw invalid(field, "must lie within \(Timestamp.storable.lowerBound)…\(Timestamp.storable.upperBound)")
        }
    }

    static func json(_ value: JSONValue, _ field: String) throws {
        guard case .object = value else { throw invalid(field, "must be a JSON object, not \(value.token.rawValue)") }
        try checkNumbersAndDepth(value, field, depth: 1)
        let count = value.serialized().count
        guard count <= maximumJSONBytes else {
            throw invalid(field, "must have at most \(maximumJSONBytes) bytes as JSON, not \(count)")
        }
    }

    private static func checkNumbersAndDepth(_ value: JSONValue, _ field: String, depth: Int) throws {
        guard depth <= maximumJSONDepth else {
            throw invalid(field, "must not nest deeper than \(maximumJSONDepth) levels")
        }
        switch value {
        case .double(let number) where !number.isFinite:
            throw invalid(field, "must contain finite numbers only, not \(number)")
        case .array(let elements):
            for element in elements { try checkNumbersAndDepth(element, field, depth: depth + 1) }
        case .object(let members):
            for (_, member) in members { try checkNumbersAndDepth(member, field, depth: depth + 1) }
        default: break
        }
    }

    /// 768 finite numbers with a direction, which cosine needs.
    static func embedding(_ vector: [Float], _ field: String = "embedding") throws {
        guard vector.count == TrendStore.embeddingDimensions else {
            throw invalid(field, "must have \(TrendStore.embeddingDimensions) dimensions, not \(vector.count)")
        }
        if let index = vector.firstIndex(where: { !$0.isFinite }) {
            throw invalid("\(field)[\(index)]", "must be a finite number, not \(vector[index])")
        }
        let squaredLength = vector.reduce(0.0) { $0 + Double($1) * Double($1) }
        // Below it and above it the squares leave float32's range, and with it the normalised vector's precision.
        guard (1e-30...1e30).contains(squaredLength) else {
            throw invalid(field, "must have a length between 1e-15 and 1e15, not \(squaredLength.squareRoot())")
        }
    }
}

func invalid(_ field: String, _ reason: String) -> TrendStoreError {
    .invalid([FieldProblem(field: field, reason: reason)])
}

/// Collects what is wrong with a row's fields.
struct FieldProblems {
    private(set) var all: [FieldProblem] = []

    /// The rule's value; `nil` where it is broken.
    mutating func check<Value>(_ rule: () throws -> Value) -> Value? {
        do { return try rule() } catch TrendStoreError.invalid(let problems) { all += problems } catch {
            preconditionFailure("a rule throws `.invalid` alone, not \(error)")
        }
        return nil
    }

    /// Throws `.invalid` with all that was found.
    func throwAny() throws { if !all.isEmpty { throw TrendStoreError.invalid(all) } }
}
