import JSON
import SearchEngine
import Services

/// Collections, aliases and payload indexes.
extension Endpoints {
    static let collections: [Endpoint] = [
        .row(.GET, "/collections", CollectionOperations.list, decode: { _ in }) { names, writer in
            writer.write(names, key: "collections", as: "name")
        },
        .row(.GET, "/collections/{name}", CollectionOperations.info, decode: { $0.collection }) { $1.write($0) },
        .row(.GET, "/collections/{name}/memory", CollectionOperations.memory, decode: { $0.collection }) {
            $1.write($0)
        },
        .row(.GET, "/collections/{name}/exists", CollectionOperations.exists, decode: { $0.collection }) {
            exists, writer in
            writer.object { writer in
                writer.key("exists")
                writer.write(exists)
            }
        },
        .row(
            .GET, "/collections/{name}/cluster", CollectionOperations.shardPoints,
            work: .compute { call in try clusterInfo(call) }),
        .row(.PUT, "/collections/{name}", CollectionOperations.create, on: .long) { call in
            CollectionRequest(call.collection, try call.fields().newCollection())
        },
        .row(.PATCH, "/collections/{name}", CollectionOperations.update, on: .long) { call in
            CollectionRequest(call.collection, try call.fields().collectionUpdate())
        },
        .row(.DELETE, "/collections/{name}", CollectionOperations.delete, on: .long, decode: { $0.collection }) {
            $1.write($0)
        },
        .row(.GET, "/aliases", CollectionOperations.aliases, decode: { _ in nil }) { $1.write($0) },
        .row(.GET, "/collections/{name}/aliases", CollectionOperations.aliases, decode: { $0.collection }) {
            $1.write($0)
        },
        .row(.POST, "/collections/aliases", CollectionOperations.updateAliases, on: .long) { call in
            try call.fields().aliasOperations()
        },
        .row(
            .PUT, "/collections/{name}/vectors/{vector}", CollectionOperations.createVector, body: .json,
            work: .long { call in
                try updateReply(
                    call, CollectionOperations.createVector, call.fields().newVector(named: call.parameters[1]))
            }),
        .row(
            .DELETE, "/collections/{name}/vectors/{vector}", CollectionOperations.deleteVector,
            work: .long { call in try updateReply(call, CollectionOperations.deleteVector, call.parameters[1]) }),
        .row(
            .PUT, "/collections/{name}/index", CollectionOperations.createPayloadIndex, body: .json,
            work: .long { call in
                try updateReply(call, CollectionOperations.createPayloadIndex, call.fields().payloadIndex())
            }),
        .row(
            .DELETE, "/collections/{name}/index/{field}", CollectionOperations.deletePayloadIndex,
            work: .long { call in
                try updateReply(call, CollectionOperations.deletePayloadIndex, PayloadPath(call.parameters[1]))
            }),
    ]

    /// One peer with one shard, which is all of the collection.
    private static func clusterInfo(_ call: Call) throws -> Reply {
        let points = try call.ask(CollectionOperations.shardPoints, call.collection)
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

    private static func updateReply<Body>(
        _ call: Call, _ operation: Operation<CollectionRequest<Body>, UpdateResult>, _ body: Body
    ) throws -> Reply {
        let wait = try call.waits()
        let result = try call.ask(operation, CollectionRequest(call.collection, body))
        return call.result { $0.write(result, waited: wait) }
    }
}

extension JSONWriter {
    /// `{key: [{name: …}, …]}`
    fileprivate mutating func write(_ names: [String], key: StaticString, as name: StaticString) {
        object { writer in
            writer.key(key)
            writer.array { writer in
                for text in names {
                    writer.object { writer in
                        writer.key(name)
                        writer.write(text)
                    }
                }
            }
        }
    }

    fileprivate mutating func write(_ aliases: [AliasDescription]) {
        object { writer in
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
