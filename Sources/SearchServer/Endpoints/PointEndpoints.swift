import JSON
import SearchEngine

/// Reading and changing points.
extension Endpoints {
    static let points: [Endpoint] = [
        .get("/collections/{name}/points/{id}", .compute { call in try point(call) }),
        .post("/collections/{name}/points", .compute { call in try retrieve(call) }),
        .post("/collections/{name}/points/scroll", .compute { call in try scroll(call) }),
        .post("/collections/{name}/points/count", .compute { call in try count(call) }),
        .put("/collections/{name}/points", change { try $0.readUpsert() }),
        .post("/collections/{name}/points/delete", access: .write, change { .delete(try $0.readSelector()) }),
        .put("/collections/{name}/points/vectors", change { try $0.readUpdateVectors() }),
        .post("/collections/{name}/points/vectors/delete", access: .write, change { try $0.readDeleteVectors() }),
        .post(
            "/collections/{name}/points/payload", access: .write, change { try $0.readSetPayload(overwrite: false) }),
        .put("/collections/{name}/points/payload", change { try $0.readSetPayload(overwrite: true) }),
        .post("/collections/{name}/points/payload/delete", access: .write, change { try $0.readDeletePayload() }),
        .post(
            "/collections/{name}/points/payload/clear", access: .write,
            change { .clearPayload(try $0.readSelector()) }),
        .post(
            "/collections/{name}/points/batch", access: .write, .deferred { call, answer in try batch(call, answer) }),
    ]

    // MARK: Changes

    /// Decodes and prepares one operation on a compute thread, and waits for its commit on none.
    private static func change(
        _ decode: @escaping @Sendable (inout JSONReader) throws -> UpdateOperation
    ) -> Endpoint.Work {
        .deferred { call, answer in
            let wait = try call.validatedWait()
            let update = try call.engine.prepare(call.collection, [decodeBody(call.body, decode)])
            call.engine.update(update, deadline: try call.deadline()) { outcome in
                answer(
                    outcome.map { results in
                        call.result { writer in
                            for result in results { writer.write(result, waited: wait) }
                        }
                    })
            }
        }
    }

    private static func batch(_ call: Call, _ answer: @escaping Endpoint.Answer) throws {
        let wait = try call.validatedWait()
        let update = try call.engine.prepare(call.collection, decodeBody(call.body) { try $0.readUpdateBatch() })
        call.engine.update(update, deadline: try call.deadline()) { outcome in
            answer(
                outcome.map { results in
                    call.result { writer in
                        writer.array { writer in
                            for result in results { writer.write(result, waited: wait) }
                        }
                    }
                })
        }
    }

    // MARK: Reads

    private static func point(_ call: Call) throws -> Reply {
        try call.query.validateConsistency()
        let text = call.parameters[1]
        guard let id = UInt64(text).map(PointID.number) ?? PointID(uuid: text) else {
            throw APIError.wrongInput("Can not recognize \"\(text.prefix(100))\" as point id")
        }
        let records = try call.engine.retrieve(call.collection, ids: [id], payload: .all, vectors: .all)
        guard let record = records.first else {
            throw APIError.notFound("Point with id \(id) does not exists!")
        }
        return call.result { $0.write(record) }
    }

    private static func retrieve(_ call: Call) throws -> Reply {
        let deadline = try call.validatedDeadline()
        let request = try decodeBody(call.body) { try $0.readRetrieve() }
        let records = try call.engine.retrieve(
            call.collection, ids: request.ids, payload: request.payload, vectors: request.vectors, deadline: deadline)
        return call.result { $0.write(records) }
    }

    private static func scroll(_ call: Call) throws -> Reply {
        let deadline = try call.validatedDeadline()
        let request = try decodeBody(call.body) { try $0.readScroll() }
        let page = try call.engine.scroll(call.collection, request, deadline: deadline)
        return call.result(explained: Explanations(page.explanation)) { writer in
            writer.object { writer in
                writer.key("points")
                writer.write(page.points)
                writer.key("next_page_offset")
                if let next = page.nextOffset { writer.write(next) } else { writer.writeNull() }
            }
        }
    }

    private static func count(_ call: Call) throws -> Reply {
        let deadline = try call.validatedDeadline()
        let request = try decodeBody(call.body) { try $0.readCountRequest() }
        let count = try call.engine.count(
            call.collection, filter: request.filter, exact: request.exact, deadline: deadline)
        return call.result { writer in
            writer.object { writer in
                writer.key("count")
                writer.write(count)
            }
        }
    }
}

extension Call {
    /// Checks the query parameters of a read; answers when its time is up.
    func validatedDeadline() throws -> Deadline? {
        try query.validateConsistency()
        return try deadline()
    }
}
