import JSON
import TrendStore

/// A JSON Schema of the dialect 2020-12, as it stands in the description of the trend API.
///
/// Ranges and enumerations are given by the constants and types that the decoders check with, so that they can't differ.
struct Schema: Sendable {
    private(set) var json: JSONValue

    /// - Parameter type: `string`, `integer`, `object` and so on.
    private init(type: String) { json = ["type": .string(type)] }

    private init(_ json: JSONValue) { self.json = json }

    /// The same with another keyword; without change where `value` is `nil`.
    func with(_ keyword: String, _ value: JSONValue?) -> Schema {
        guard let value else { return self }
        var schema = self
        schema.json[keyword] = value
        return schema
    }

    /// The same with a sentence for people.
    func about(_ text: String) -> Schema { with("description", .string(text)) }

    func byDefault(_ value: JSONValue) -> Schema { with("default", value) }

    func examples(_ values: JSONValue...) -> Schema { with("examples", .array(values)) }

    /// The same, or null.
    var orNull: Schema {
        guard case .string(let type)? = json["type"] else { return Schema(["anyOf": [json, ["type": "null"]]]) }
        var schema = with("type", [.string(type), "null"])
        if let members = json["enum"]?.arrayValue { schema.json["enum"] = .array(members + [.null]) }
        return schema
    }

    // MARK: Scalars

    static let boolean = Schema(type: "boolean")

    static func constant(_ value: JSONValue) -> Schema { Schema(["const": value]) }

    static func integer(_ range: ClosedRange<Int>) -> Schema {
        integer(atLeast: range.lowerBound).with("maximum", JSONValue(range.upperBound))
    }

    static func integer(atLeast least: Int? = nil) -> Schema {
        Schema(type: "integer").with("minimum", least.map { JSONValue($0) })
    }

    static func number(_ range: ClosedRange<Double>) -> Schema {
        number(atLeast: range.lowerBound).with("maximum", .double(range.upperBound))
    }

    static func number(atLeast least: Double? = nil) -> Schema {
        Schema(type: "number").with("minimum", least.map { .double($0) })
    }

    /// Any text.
    static let string = Schema(type: "string")

    static func string(pattern: String) -> Schema { string.with("pattern", .string(pattern)) }

    /// Any text of so many Unicode scalars, which is how JSON Schema counts too.
    static func string(of length: ClosedRange<Int>) -> Schema {
        let bounded = string.with("maxLength", JSONValue(length.upperBound))
        return length.lowerBound == 0 ? bounded : bounded.with("minLength", JSONValue(length.lowerBound))
    }

    /// The same without U+0000.
    static func text(_ length: ClosedRange<Int>) -> Schema {
        string(of: length).with("pattern", .string(#"^[^\u0000]*$"#))
    }

    /// A text that is compared for equality.
    static let keyword = text(FieldRules.keywordLength)

    /// A text that rows are filtered by.
    static let filtered = string(pattern: #"^[^\u0000]*$"#)

    /// As requests may have it; in answers the letters are small.
    static let id = Schema(type: "string").with("format", "uuid").with(
        "pattern", "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$")

    /// A time in a request.
    static let time = Schema(type: "string").with("format", "date-time").about(
        "A time as RFC 3339 writes it, of the years 1 to 9999; without an offset it is UTC. The time of day may be left out."
    )

    /// A time in an answer.
    static let toldTime = Schema(type: "string").with("format", "date-time").with(
        "pattern", #"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z$"#)

    static func member<Value: RawRepresentable & CaseIterable>(of _: Value.Type) -> Schema
    where Value.RawValue == String { member(of: Value.allCases.map(\.rawValue)) }

    static func member(of names: [String]) -> Schema {
        Schema(type: "string").with("enum", .array(names.map { .string($0) }))
    }

    // MARK: Compounds

    static func array(of element: Schema, most: Int? = nil, least: Int? = nil) -> Schema {
        Schema(type: "array").with("items", element.json).with("minItems", least.map { JSONValue($0) })
            .with("maxItems", most.map { JSONValue($0) })
    }

    /// An object whose members nothing is demanded of.
    static let anyObject = Schema(type: "object")

    /// The same, as rows store it.
    static let storedObject = anyObject.about(
        "At most \(FieldRules.maximumJSONBytes) bytes as compact JSON, and \(FieldRules.maximumJSONDepth) levels.")

    typealias Members = KeyValuePairs<String, Schema>

    /// The object of a request: other members than these are refused.
    static func request(_ members: Members..., required: [String] = []) -> Schema {
        object(members, required: required).with("additionalProperties", false)
    }

    /// An object of an answer: all of these members are there, but those that are optional. A later version may add others.
    static func answer(_ members: Members..., optional: Members = [:]) -> Schema {
        object(members + [optional], required: members.flatMap { $0.map(\.key) })
    }

    private static func object(_ members: [Members], required: [String]) -> Schema {
        var properties: JSONValue = [:]
        for (name, schema) in members.joined() { properties[name] = schema.json }
        let object = Schema(type: "object").with("properties", properties)
        return required.isEmpty ? object : object.with("required", .array(required.map { .string($0) }))
    }

    /// An object of any keys, whose values are alike.
    static func map(to value: Schema) -> Schema { anyObject.with("additionalProperties", value.json) }

    static func oneOf(_ schemas: Schema...) -> Schema { Schema(["oneOf": .array(schemas.map(\.json))]) }

    static func anyOf(_ schemas: Schema...) -> Schema { Schema(["anyOf": .array(schemas.map(\.json))]) }

    /// The same, with at least one of these members.
    func withSome(of names: String...) -> Schema {
        with("anyOf", .array(names.map { ["required": [.string($0)]] }))
    }

    /// A schema of `components.schemas`.
    static func reference(_ name: String) -> Schema {
        Schema(["$ref": .string("#/components/schemas/\(name)")])
    }
}
