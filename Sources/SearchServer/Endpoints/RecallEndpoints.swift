import JSON
import SearchEngine
import Services

/// How much of the true nearest points searches find.
extension Endpoints {
    static let recall: [Endpoint] = [
        .row(
            .GET, "/collections/{name}/recall", RecallOperations.measure, on: .long,
            decode: { CollectionRequest($0.collection, try $0.query.recallRequest()) }
        ) { $1.write($0, withCurves: true) },
        .row(
            .POST, "/collections/{name}/recall", RecallOperations.measure, on: .long,
            decode: { call in
                try call.query.requireNames(["timeout"])
                return try call.request { try $0.readRecallRequest() }
            }
        ) { $1.write($0, withCurves: true) },
    ]
}
