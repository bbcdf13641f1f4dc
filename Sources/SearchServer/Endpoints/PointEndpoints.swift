import JSON
import NIOHTTP1
import SearchEngine
import Services

/// Reading and changing points.
extension Endpoints {
    static let points: [Endpoint] = [
        .row(
            .GET, "/collections/{name}/points/{id}", PointOperations.point,
            decode: { call in
                try call.query.validateConsistency()
                return CollectionRequest(call.collection, try pointID(call.parameters[1]))
            }
        ) { $1.write($0) },
        .row(
            .POST, "/collections/{name}/points", PointOperations.retrieve,
            decode: { try $0.read { try $0.readRetrieve() } }
        ) { $1.write($0) },
        .row(
            .POST, "/collections/{name}/points/scroll", PointOperations.scroll,
            decode: { try $0.read { try $0.readScroll() } }, explained: { Explanations($0.explanation) }
        ) { $1.write($0) },
        .row(
            .POST, "/collections/{name}/points/count", PointOperations.count,
            decode: { try $0.read { try $0.readCountRequest() } }
        ) { count, writer in
            writer.object { writer in
                writer.key("count")
                writer.write(count)
            }
        },
        change(.PUT, "") { try $0.readUpsert() },
        change(.POST, "/delete") { .delete(try $0.readSelector()) },
        change(.PUT, "/vectors") { try $0.readUpdateVectors() },
        change(.POST, "/vectors/delete") { try $0.readDeleteVectors() },
        change(.POST, "/payload") { try $0.readSetPayload(overwrite: false) },
        change(.PUT, "/payload") { try $0.readSetPayload(overwrite: true) },
        change(.POST, "/payload/delete") { try $0.readDeletePayload() },
        change(.POST, "/payload/clear") { .clearPayload(try $0.readSelector()) },
        changes("/batch") { try $0.readUpdateBatch() },
    ]

    private static func pointID(_ text: String) throws -> PointID {
        guard let id = UInt64(text).map(PointID.number) ?? PointID(uuid: text) else {
            throw ServiceError.invalid("Can not recognize \"\(text.prefix(100))\" as point id")
        }
        return id
    }

    // MARK: Changes

    /// One change to points.
    private static func change(
        _ method: HTTPMethod, _ path: String, _ decode: @escaping @Sendable (inout JSONReader) throws -> UpdateOperation
    ) -> Endpoint {
        changes(method, path, { [try decode(&$0)] }) { results, wait, writer in
            for result in results { writer.write(result, waited: wait) }
        }
    }

    /// A list of changes.
    private static func changes(
        _ path: String, _ decode: @escaping @Sendable (inout JSONReader) throws -> [UpdateOperation]
    ) -> Endpoint {
        changes(.POST, path, decode) { results, wait, writer in
            writer.array { writer in
                for result in results { writer.write(result, waited: wait) }
            }
        }
    }

    /// Decodes and prepares on a compute thread, and waits for the commit on none.
    private static func changes(
        _ method: HTTPMethod, _ path: String,
        _ decode: @escaping @Sendable (inout JSONReader) throws -> [UpdateOperation],
        _ encode: @escaping @Sendable ([UpdateResult], _ wait: Bool, inout JSONWriter) -> Void
    ) -> Endpoint {
        .row(
            method, "/collections/{name}/points\(path)", PointOperations.update, body: .json,
            work: .deferred { call, answer in
                let wait = try call.waits()
                let update = try call.ask(PointOperations.update, call.request(decode))
                update.commit { outcome in
                    answer(outcome.map { results in call.result { encode(results, wait, &$0) } })
                }
            })
    }
}

extension JSONWriter {
    fileprivate mutating func write(_ page: QueryResult) {
        object { writer in
            writer.key("points")
            writer.write(page.points)
            writer.key("next_page_offset")
            if let next = page.nextID { writer.write(next) } else { writer.writeNull() }
        }
    }
}
