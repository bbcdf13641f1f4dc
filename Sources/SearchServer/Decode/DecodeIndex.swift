import JSON
import SearchEngine
import Services

/// `PUT /collections/{c}/index`
extension ObjectFields {
    func payloadIndex() throws -> CollectionOperations.NewPayloadIndex {
        guard let name = try string("field_name") else { throw missing("field_name") }
        let key = try PayloadPath(name)
        // Clients of older versions write `field_type`.
        let field = self["field_schema"] != nil ? "field_schema" : "field_type"
        guard let value = self[field] else {
            throw ServiceError.invalid(
                "Can't auto-detect field type, please specify `field_schema` in the request")
        }
        guard case .object = value else {
            guard let name = try string(field) else { throw wrongType(field, "a type's name or an object") }
            return .init(key: key, schema: PayloadFieldSchema(type: try fieldType(field, name)))
        }
        let fields = try ObjectFields(value, path: self.field(field))
        guard let type = try fields.string("type") else { throw fields.missing("type") }
        var schema = PayloadFieldSchema(type: try fields.fieldType("type", type))
        schema.parameters = value
        try fields.readParameters(into: &schema)
        return .init(key: key, schema: schema)
    }

    private func fieldType(_ key: String, _ name: String) throws -> PayloadFieldType {
        guard let type = PayloadFieldType(rawValue: name) else {
            throw unknownVariant(key, name, PayloadFieldType.allCases.map(\.rawValue))
        }
        return type
    }

    /// `is_tenant`, `is_principal`, `on_disk` and `enable_hnsw` only advise on the layout: they are checked, reported
    /// back, and change no answer.
    private func readParameters(into schema: inout PayloadFieldSchema) throws {
        for advice in ["is_tenant", "is_principal", "on_disk", "enable_hnsw"] { _ = try bool(advice) }
        try refuse("memory")
        switch schema.type {
        case .keyword:
            if try bool("prefix") == true { throw ServiceError.unsupported("`\(field("prefix"))`") }
        case .integer:
            schema.lookup = try bool("lookup") ?? true
            schema.range = try bool("range") ?? true
        case .text: try readTextParameters(into: &schema)
        case .float, .bool, .uuid, .datetime, .geo: break
        }
    }

    private func readTextParameters(into schema: inout PayloadFieldSchema) throws {
        if let name = try string("tokenizer") {
            guard let tokenizer = Tokenizer(rawValue: name) else {
                throw unknownVariant("tokenizer", name, Tokenizer.allCases.map(\.rawValue))
            }
            schema.tokenizer = tokenizer
        }
        schema.lowercase = try bool("lowercase") ?? true
        schema.minTokenLength = try integer("min_token_len")
        schema.maxTokenLength = try integer("max_token_len")
        schema.phraseMatching = try bool("phrase_matching") ?? false
        if try bool("ascii_folding") == true { throw ServiceError.unsupported("`\(field("ascii_folding"))`") }
        try refuse("stopwords")
        if let stemmer = try object("stemmer"), try stemmer.string("type") != "none" {
            throw ServiceError.unsupported("`\(field("stemmer"))`")
        }
    }
}
