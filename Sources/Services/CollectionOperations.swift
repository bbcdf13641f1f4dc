import SearchEngine

/// Collections, aliases and payload indexes.
public enum CollectionOperations {
    /// The names of all, sorted.
    public static let list = Operation<Void, [String]>(.read) { services, _, _ in services.engine.collectionNames() }

    public static let info = Operation<String, CollectionInfo>(.read) { services, _, name in
        try services.engine.collectionInfo(name)
    }

    public static let memory = Operation<String, CollectionMemory>(.read) { services, _, name in
        try services.engine.memory(name)
    }

    public static let exists = Operation<String, Bool>(.read) { services, _, name in
        services.engine.collectionExists(name)
    }

    /// Points of a collection: all of them are in its only shard.
    public static let shardPoints = Operation<String, Int>(.read) { services, _, name in
        try services.engine.collectionInfo(name, schema: false).pointsCount
    }

    public static let create = Operation<CollectionRequest<NewCollection>, Void>(.administer) {
        services, caller, request in
        try validate(name: request.collection, "name", of: "collection", most: 255)
        // Qdrant takes any characters here; only in a path of the API some can't be.
        for name in request.body.vectors.keys where name.string.utf8.count > 255 {
            throw ServiceError.outOfRange(
                "vectors", "value \"\(name.string.prefix(300))\" invalid, must be from 1 to 255 bytes")
        }
        let configuration = try request.body.configuration(services.collectionDefaults)
        try services.engine.createCollection(request.collection, configuration, deadline: caller.deadline)
    }

    /// What may not be part of a file's name anywhere may not be part of a collection's or a vector's.
    private static func validate(name: String, _ field: String, of kind: String, most: Int) throws {
        func invalid(_ problem: String) -> ServiceError {
            .outOfRange(field, "value \"\(name.prefix(300))\" invalid, \(problem)")
        }
        guard name.utf8.count <= most else { throw invalid("must be from 1 to \(most) characters") }
        for character in name.unicodeScalars
        where "<>:\"/\\|?*\u{0}\u{1F}".unicodeScalars.contains(character) {
            throw invalid("\(kind) name cannot contain \"\(character.escaped(asASCII: true))\" char")
        }
        guard name != ".", name != ".." else { throw invalid("\(kind) name cannot be \".\" or \"..\"") }
    }

    public static let update = Operation<CollectionRequest<CollectionUpdate>, Void>(.administer) {
        services, caller, request in
        try request.body.validateRequest()
        try services.engine.updateCollection(request.collection, request.body, deadline: caller.deadline)
    }

    /// Whether there was one.
    public static let delete = Operation<String, Bool>(.administer) { services, caller, name in
        try services.engine.deleteCollection(name, deadline: caller.deadline)
    }

    // MARK: Aliases

    /// Those of a collection, or all.
    public static let aliases = Operation<String?, [AliasDescription]>(.read) { services, _, name in
        try services.engine.aliases(of: name)
    }

    public static let updateAliases = Operation<[AliasOperation], Void>(.administer) { services, caller, operations in
        try services.engine.updateAliases(operations, deadline: caller.deadline)
    }

    // MARK: Named vectors

    public struct NewVector: Sendable {
        public var name: String
        public var parameters: VectorParameters

        public init(name: String, parameters: VectorParameters) {
            self.name = name
            self.parameters = parameters
        }
    }

    public static let createVector = Operation<CollectionRequest<NewVector>, UpdateResult>(.administer) {
        services, caller, request in
        try validate(name: request.body.name, "vector", of: "vector", most: 200)
        var parameters = request.body.parameters
        parameters.onDisk = parameters.onDisk ?? services.collectionDefaults.vectorsOnDisk
        return try services.engine.createVector(
            request.collection, request.body.name, parameters, deadline: caller.deadline)
    }

    /// By name.
    public static let deleteVector = Operation<CollectionRequest<String>, UpdateResult>(.administer) {
        services, caller, request in
        try services.engine.deleteVector(request.collection, request.body, deadline: caller.deadline)
    }

    // MARK: Payload indexes

    public struct NewPayloadIndex: Sendable {
        public var key: PayloadPath
        public var schema: PayloadFieldSchema

        public init(key: PayloadPath, schema: PayloadFieldSchema) {
            self.key = key
            self.schema = schema
        }
    }

    public static let createPayloadIndex = Operation<CollectionRequest<NewPayloadIndex>, UpdateResult>(.administer) {
        services, caller, request in
        try request.body.schema.validateRequest()
        return try services.engine.createPayloadIndex(
            request.collection, key: request.body.key, schema: request.body.schema, deadline: caller.deadline)
    }

    public static let deletePayloadIndex = Operation<CollectionRequest<PayloadPath>, UpdateResult>(.administer) {
        services, caller, request in
        try services.engine.deletePayloadIndex(request.collection, key: request.body, deadline: caller.deadline)
    }
}

extension PayloadFieldSchema {
    fileprivate func validateRequest() throws {
        if type == .integer, !lookup, !range {
            throw ServiceError.outOfRange(
                "field_schema", "the 'lookup' and 'range' capabilities can't be both disabled")
        }
        if let least = minTokenLength, let most = maxTokenLength, least > most {
            throw ServiceError.outOfRange(
                "field_schema", "min_token_len \(least) is larger than max_token_len \(most)")
        }
    }
}
