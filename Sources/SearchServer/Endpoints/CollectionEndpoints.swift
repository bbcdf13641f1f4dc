import JSON
import SearchEngine

/// Collections, aliases and payload indexes.
extension Endpoints {
    static let collections: [Endpoint] = [
        .get("/collections", .compute { call in list(call) }),
        .get("/collections/{name}", .compute { call in try info(call) }),
        .get("/collections/{name}/memory", .compute { call in try memory(call) }),
        .get("/collections/{name}/exists", .compute { call in exists(call) }),
        .get("/collections/{name}/cluster", .compute { call in try clusterInfo(call) }),
        .put("/collections/{name}", .long { call in try create(call) }),
        .patch("/collections/{name}", .long { call in try update(call) }),
        .delete("/collections/{name}", .long { call in try delete(call) }),
        .get("/aliases", .compute { call in try aliases(call, of: nil) }),
        .get("/collections/{name}/aliases", .compute { call in try aliases(call, of: call.collection) }),
        .post("/collections/aliases", access: .write, .long { call in try updateAliases(call) }),
        .put("/collections/{name}/index", .long { call in try createIndex(call) }),
        .delete("/collections/{name}/index/{field}", .long { call in try deleteIndex(call) }),
    ]

    private static func list(_ call: Call) -> Reply {
        let names = call.engine.collectionNames()
        return call.result { writer in
            writer.object { writer in
                writer.key("collections")
                writer.array { writer in
                    for name in names {
                        writer.object { writer in
                            writer.key("name")
                            writer.write(name)
                        }
                    }
                }
            }
        }
    }

    private static func info(_ call: Call) throws -> Reply {
        let info = try call.engine.collectionInfo(call.collection)
        return call.result { $0.write(info) }
    }

    private static func memory(_ call: Call) throws -> Reply {
        let memory = try call.engine.memory(call.collection)
        return call.result { $0.write(memory) }
    }

    private static func exists(_ call: Call) -> Reply {
        let exists = call.engine.collectionExists(call.collection)
        return call.result { writer in
            writer.object { writer in
                writer.key("exists")
                writer.write(exists)
            }
        }
    }

    /// One peer with one shard, which is all of the collection.
    private static func clusterInfo(_ call: Call) throws -> Reply {
        let points = try call.engine.collectionInfo(call.collection, schema: false).pointsCount
        return call.result { writer in
            writer.object { writer in
                writer.key("peer_id")
                writer.write(call.service.peerID)
                writer.key("shard_count")
                writer.write(1)
                writer.key("local_shards")
                writer.array { writer in
                    writer.object { writer in
                        writer.key("shard_id")
                        writer.write(0)
                        writer.key("points_count")
                        writer.write(points)
                        writer.key("state")
                        writer.write("Active")
                    }
                }
                writer.key("remote_shards")
                writer.array { _ in }
                writer.key("shard_transfers")
                writer.array { _ in }
            }
        }
    }

    // MARK: Changes

    private static func create(_ call: Call) throws -> Reply {
        let deadline = try call.deadline()
        try validateName(call.collection)
        let defaults = call.service.configuration.collectionDefaults
        let configuration = try call.fields().newCollection(defaults: defaults)
        try call.engine.createCollection(call.collection, configuration, deadline: deadline)
        return call.success()
    }

    /// What may not be part of a file's name anywhere may not be part of a collection's.
    private static func validateName(_ name: String) throws {
        func invalid(_ problem: String) -> APIError {
            .validation("name", "value \"\(name.prefix(300))\" invalid, \(problem)", in: "path parameters")
        }
        guard name.utf8.count <= 255 else { throw invalid("must be from 1 to 255 characters") }
        for character in name.unicodeScalars
        where "<>:\"/\\|?*\u{0}\u{1F}".unicodeScalars.contains(character) {
            throw invalid("collection name cannot contain \"\(character.escaped(asASCII: true))\" char")
        }
        guard name != ".", name != ".." else { throw invalid("collection name cannot be \".\" or \"..\"") }
    }

    private static func update(_ call: Call) throws -> Reply {
        let deadline = try call.deadline()
        try call.engine.updateCollection(call.collection, call.fields().collectionUpdate(), deadline: deadline)
        return call.success()
    }

    private static func delete(_ call: Call) throws -> Reply {
        let deadline = try call.deadline()
        return call.success(try call.engine.deleteCollection(call.collection, deadline: deadline))
    }

    // MARK: Aliases

    private static func aliases(_ call: Call, of collection: String?) throws -> Reply {
        let aliases = try call.engine.aliases(of: collection)
        return call.result { writer in
            writer.object { writer in
                writer.key("aliases")
                writer.array { writer in
                    for alias in aliases {
                        writer.object { writer in
                            writer.key("alias_name")
                            writer.write(alias.alias)
                            writer.key("collection_name")
                            writer.write(alias.collection)
                        }
                    }
                }
            }
        }
    }

    private static func updateAliases(_ call: Call) throws -> Reply {
        let deadline = try call.deadline()
        try call.engine.updateAliases(call.fields().aliasOperations(), deadline: deadline)
        return call.success()
    }

    // MARK: Payload indexes

    private static func createIndex(_ call: Call) throws -> Reply {
        let wait = try call.validatedWait()
        let deadline = try call.deadline()
        let (key, schema) = try call.fields().payloadIndex()
        let result = try call.engine.createPayloadIndex(
            call.collection, key: key, schema: schema, deadline: deadline)
        return call.result { $0.write(result, waited: wait) }
    }

    private static func deleteIndex(_ call: Call) throws -> Reply {
        let wait = try call.validatedWait()
        let deadline = try call.deadline()
        let key = try PayloadPath(call.parameters[1])
        let result = try call.engine.deletePayloadIndex(call.collection, key: key, deadline: deadline)
        return call.result { $0.write(result, waited: wait) }
    }
}

extension Call {
    /// Checks the query parameters of a change; answers whether the client waits.
    func validatedWait() throws -> Bool {
        try query.validateOrdering()
        return try query.wait()
    }
}
