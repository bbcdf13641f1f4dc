import Foundation
import JSON
import Services
import TrendStore

/// Reads the members of one object of the trend API, and collects what is wrong with them instead of stopping at the first.
/// JSON that can't be read at all still throws.
struct FieldReader {
    /// What is told of a request; who has so much wrong has to begin with these.
    private static let mostProblems = 32

    private(set) var problems: [FieldProblem] = []
    /// All that was wrong, told or not.
    private(set) var wrongFields = 0

    mutating func note(_ field: String, _ reason: String) {
        wrongFields += 1
        if problems.count < Self.mostProblems { problems.append(.init(field: field, reason: reason)) }
    }

    /// A value that is read by `body`, or `nil`, with a problem, if its numbers leave their range.
    private mutating func ranged<Value>(
        _ reader: inout JSONReader, _ field: String, _ body: (inout JSONReader) throws -> Value
    ) throws -> Value? {
        let start = reader
        do { return try body(&reader) } catch let error as JSONError {
            reader = start
            // Throws where the text is no JSON.
            try reader.skipValue()
            note(field, "can't be read: \(error.message)")
            return nil
        }
    }

    /// Whether the next value is of the right type; one of another type is noted and passed over.
    private mutating func isToken(
        _ reader: inout JSONReader, _ field: String, _ token: JSONToken, _ expected: String
    ) throws -> Bool {
        let found = try reader.peek()
        if found == token { return true }
        note(field, "must be \(expected), not \(found.article)")
        try reader.skipValue()
        return false
    }

    /// A member of the right type; `nil`, with a problem, for one of another type.
    private mutating func read<Value>(
        _ reader: inout JSONReader, _ field: String, _ token: JSONToken, _ expected: String,
        _ body: (inout JSONReader) throws -> Value?
    ) throws -> Value? {
        guard try isToken(&reader, field, token, expected) else { return nil }
        return try body(&reader)
    }

    mutating func string(_ reader: inout JSONReader, _ field: String) throws -> String? {
        try read(&reader, field, .string, "a string") { try $0.readString() }
    }

    /// Null takes the value away.
    mutating func nullable(_ reader: inout JSONReader, _ field: String) throws -> String?? {
        if try reader.readNullIfPresent() { return .some(nil) }
        return try string(&reader, field).map { .some($0) }
    }

    mutating func double(_ reader: inout JSONReader, _ field: String) throws -> Double? {
        guard try isToken(&reader, field, .number, "a number") else { return nil }
        return try ranged(&reader, field) { try $0.readDouble() }
    }

    mutating func bool(_ reader: inout JSONReader, _ field: String) throws -> Bool? {
        guard try isToken(&reader, field, .bool, "true or false") else { return nil }
        return try reader.readBool()
    }

    /// A member that null takes away.
    mutating func optional<Value>(
        _ reader: inout JSONReader, _ body: (inout JSONReader, inout FieldReader) throws -> Value?
    ) throws -> Value?? {
        if try reader.readNullIfPresent() { return .some(nil) }
        return try body(&reader, &self).map { .some($0) }
    }

    /// An amount of money: a number without an exponent, or the same as a string, exactly as it is written.
    mutating func money(_ reader: inout JSONReader, _ field: String) throws -> Money? {
        let token = try reader.peek()
        let text: String
        switch token {
        case .string: text = try reader.readString()
        case .number:
            let range = try reader.rawValue()
            text = String(decoding: reader.bytes(in: range), as: UTF8.self)
        default:
            note(field, "must be a number or a string, not \(token.article)")
            try reader.skipValue()
            return nil
        }
        if let money = Money(text) { return money }
        note(field, "must be a decimal number with at most two places within ±9999999999.99, not `\(text.prefix(100))`")
        return nil
    }

    /// Strings of a list that has no limit of its own.
    static let mostStrings = 1_000

    /// What every listing and search takes.
    static let limits = 1...TrendStore.maximumLimit
    static let skips = 0...TrendStore.maximumOffset

    /// A number in its range; `nil`, with a problem, for one that isn't.
    mutating func ranged(_ value: Int, _ field: String, _ range: ClosedRange<Int>?) -> Int? {
        guard let range, !range.contains(value) else { return value }
        note(field, "must be \(range.lowerBound)…\(range.upperBound), not \(value)")
        return nil
    }

    mutating func integer(
        _ reader: inout JSONReader, _ field: String, in range: ClosedRange<Int>? = nil
    ) throws -> Int? {
        guard let number = try double(&reader, field) else { return nil }
        guard let integer = Int(exactly: number) else {
            note(field, "must be an integer, not \(number)")
            return nil
        }
        return ranged(integer, field, range)
    }

    mutating func member<Value: RawRepresentable & CaseIterable>(
        _ reader: inout JSONReader, _ field: String
    ) throws -> Value? where Value.RawValue == String {
        guard let text = try string(&reader, field) else { return nil }
        return member(text, field)
    }

    mutating func member<Value: RawRepresentable & CaseIterable>(_ text: String, _ field: String) -> Value?
    where Value.RawValue == String {
        if let value = Value(rawValue: text) { return value }
        let list = Value.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")
        note(field, "must be one of \(list), not `\(text.prefix(100))`")
        return nil
    }

    mutating func id(_ reader: inout JSONReader, _ field: String) throws -> UUID? {
        guard let text = try string(&reader, field) else { return nil }
        return id(text, field)
    }

    mutating func id(_ text: String, _ field: String) -> UUID? {
        if let id = UUID(uuidString: text) { return id }
        note(field, "must be a UUID, not `\(text.prefix(100))`")
        return nil
    }

    mutating func time(_ reader: inout JSONReader, _ field: String) throws -> Timestamp? {
        guard let text = try string(&reader, field) else { return nil }
        return time(text, field)
    }

    mutating func time(_ text: String, _ field: String) -> Timestamp? {
        if let time = Timestamp(text) { return time }
        note(field, "must be a time as RFC 3339 writes it, such as 2026-05-01T12:00:00Z, not `\(text.prefix(100))`")
        return nil
    }

    /// - Parameter most: strings that there may be.
    mutating func strings(
        _ reader: inout JSONReader, _ field: String, most: Int = mostStrings
    ) throws -> [String]? {
        guard try isToken(&reader, field, .array, "a list of strings") else { return nil }
        var strings: [String] = []
        var place = 0
        var this = self
        try reader.readArray { reader in
            if place >= most {
                try reader.skipValue()
            } else if let text = try this.string(&reader, "\(field)[\(place)]") {
                strings.append(text)
            }
            place += 1
        }
        if place > most { this.note(field, "must be at most \(most) strings, not \(place)") }
        self = this
        return strings
    }

    mutating func object(_ reader: inout JSONReader, _ field: String) throws -> JSONValue? {
        try read(&reader, field, .object, "an object") { try $0.readValue() }
    }

    mutating func vector(_ reader: inout JSONReader, _ field: String) throws -> [Float]? {
        guard try isToken(&reader, field, .array, "a list of numbers") else { return nil }
        return try ranged(&reader, field) { reader in
            var vector: [Float] = []
            vector.reserveCapacity(TrendStore.embeddingDimensions)
            try reader.readFloats(into: &vector)
            return vector
        }
    }

    /// A member that nothing is made of.
    mutating func unknown(_ reader: inout JSONReader, _ field: String) throws {
        note(String(field.prefix(100)), "is unknown")
        try reader.skipValue()
    }

    /// Notes a member that has to be there and isn't, unless it is there and wrong.
    mutating func require(_ field: String, _ isThere: Bool) {
        if !isThere, !problems.contains(where: { $0.field == field }) { note(field, "is missing") }
    }

    /// What a row's rules make of it; notes every field that breaks its rule.
    ///
    /// - Parameter names: what the request calls fields that have other names in the row.
    mutating func check<Row>(renaming names: [String: String] = [:], _ rules: () throws -> Row) throws -> Row? {
        do { return try rules() } catch TrendStoreError.invalid(let broken) {
            for problem in broken { note(names[problem.field] ?? problem.field, problem.reason) }
            return nil
        }
    }

    /// Throws all problems as one error.
    func throwAny() throws {
        guard let first = problems.first else { return }
        throw ServiceError(.outOfRange, first.reason, field: first.field, problems: problems)
    }
}

/// The members that searches of trends and of ideas have in common.
struct SearchMembers {
    private var vector: [Float]?
    private var like: UUID?

    /// Reads a member into the search, and returns whether it is one of these.
    mutating func read<Filter>(
        _ reader: inout JSONReader, _ key: JSONKey, _ fields: inout FieldReader, into search: inout RowSearch<Filter>
    ) throws -> Bool {
        switch key {
        case "vector": vector = try fields.vector(&reader, "vector")
        case "q": search.text = try fields.string(&reader, "q")
        case "mode": search.mode = try fields.member(&reader, "mode")
        case "like": like = try fields.id(&reader, "like")
        case "limit": search.limit = try fields.integer(&reader, "limit", in: FieldReader.limits) ?? search.limit
        case "skip": search.skip = try fields.integer(&reader, "skip", in: FieldReader.skips) ?? search.skip
        case "score_threshold":
            search.scoreThreshold = try fields.double(&reader, "score_threshold").map { Float($0) }
        default: return false
        }
        return true
    }

    /// What embeddings are compared with, if anything. Throws for everything that was wrong.
    func query(_ fields: inout FieldReader) throws -> SemanticQuery? {
        if vector != nil, like != nil { fields.note("vector", "and `like` can't be given together") }
        try fields.throwAny()
        return like.map { .like($0) } ?? vector.map { .embedding($0) }
    }
}

extension JSONToken {
    /// As in "not a number".
    fileprivate var article: String {
        switch self {
        case .object, .array: "an \(rawValue)"
        case .null: rawValue
        default: "a \(rawValue)"
        }
    }
}
