import JSON
import SearchEngine

/// How much of the true nearest points searches find.
extension Endpoints {
    static let recall: [Endpoint] = [
        .get("/collections/{name}/recall", .long { call in try recall(call, call.query.recallRequest()) }),
        .post(
            "/collections/{name}/recall",
            .long { call in
                try call.query.requireNames(["timeout"])
                return try recall(call, decodeBody(call.body) { try $0.readRecallRequest() })
            }),
    ]

    /// For a measurement whose request names no `timeout`.
    private static let defaultTimeout = Duration.seconds(60)

    private static func recall(_ call: Call, _ request: RecallRequest) throws -> Reply {
        let deadline = try call.validatedDeadline() ?? call.start + defaultTimeout
        let recall = try call.engine.recall(call.collection, request, deadline: deadline)
        return call.result { $0.write(recall, withCurves: true) }
    }
}
