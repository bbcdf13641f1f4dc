import Embedding
import JSON
import SearchEngine
import TrendStore

/// A request has texts in place of vectors, on a thread that must not wait for an embedder
/// (`Services.withoutWaitingForEmbedder`).
public struct TextsToEmbed: Error {
    @TaskLocal static var mayWait = true
}

/// Documents, which stand for the vectors of their texts, are embedded by the server's embedder before the engine sees them.
extension Services {
    /// Texts of a request.
    static let mostDocuments = 1_000
    /// For a request without a time limit of its own.
    private static let patience = Duration.seconds(120)

    /// Runs `body`, in which an operation throws `TextsToEmbed` rather than embed texts: that takes milliseconds at best, for
    /// which a thread that others wait for should not be held. Do the work again on a thread that may wait.
    public static func withoutWaitingForEmbedder<Value>(_ body: () throws -> Value) rethrows -> Value {
        try TextsToEmbed.$mayWait.withValue(false, operation: body)
    }

    /// The changes with vectors in place of documents.
    ///
    /// Throws `.unsupported` where the server has no embedder, `.invalid` for documents of another model, and `.conflict` for a
    /// collection of the trend store whose vectors another model has made.
    func embeddingDocuments(
        in operations: [UpdateOperation], of collection: String, _ caller: Caller
    ) throws -> [UpdateOperation] {
        var documents: [TextDocument] = []
        var names: Set<ByteString> = []
        for operation in operations {
            operation.forEachVectors { vectors in
                for (name, value) in vectors {
                    guard case .document(let document) = value else { continue }
                    documents.append(document)
                    names.insert(name)
                }
            }
        }
        guard !documents.isEmpty else { return operations }
        for name in names { try requireFitting(name.string, in: collection) }
        let vectors = try embed(documents, caller) { model in
            try trends.claimVectors(of: engine.name(of: collection), for: model.identity)
        }
        return operations.map { operation in operation.mapVectors { $0.replacing(vectors) } }
    }

    /// The queries with vectors in place of documents. Throws as above.
    func embeddingDocuments(
        in requests: [QueryRequest], of collection: String, _ caller: Caller
    ) throws -> [QueryRequest] {
        let documents = requests.compactMap(\.query.document)
        guard !documents.isEmpty else { return requests }
        for name in Set(requests.filter { $0.query.document != nil }.map { $0.query.using ?? "" }) {
            try requireFitting(name, in: collection)
        }
        let vectors = try embed(documents, caller) { model in
            try trends.requireComparable(model.identity, in: engine.name(of: collection))
        }
        return requests.map { request in
            guard let document = request.query.document, let vector = vectors[document] else { return request }
            var request = request
            request.query.ranking = .nearest(.vector(.dense(vector)))
            return request
        }
    }

    /// Throws, as the engine does, for a vector that can't take the model's, before one is made and paid for.
    private func requireFitting(_ name: String, in collection: String) throws {
        guard let texts else { return }
        guard let size = try engine.vectorSize(name, in: collection) else {
            throw ServiceError.invalid("Not existing vector name error: \(name)")
        }
        guard size == texts.model.dimensions else {
            throw ServiceError.invalid(
                "Vector dimension error: expected dim: \(size), got \(texts.model.dimensions)")
        }
    }

    /// - Parameter check: refuses the model where its vectors are not to be used, before any is made.
    private func embed(
        _ documents: [TextDocument], _ caller: Caller, check: (EmbeddingModel) throws -> Void
    ) throws -> [TextDocument: [Float]] {
        guard let texts else {
            throw ServiceError(
                .unsupported,
                "This server embeds no texts, so that it takes no documents: set `trendex.embedder.model`, or send vectors"
            )
        }
        guard documents.count <= Self.mostDocuments else {
            throw ServiceError.invalid(
                "A request may have \(Self.mostDocuments) documents at most, not \(documents.count)")
        }
        for document in documents where !texts.model.isNamed(document.model) {
            throw ServiceError.invalid(
                "This server embeds with the model `\(texts.model.name)`, not with `\(document.model.prefix(200))`")
        }
        guard TextsToEmbed.mayWait else { throw TextsToEmbed() }
        try check(texts.model)
        let distinct = Array(Set(documents))
        let made = try texts.vectors(of: distinct.map(\.text), deadline: caller.deadline ?? .now + Self.patience)
        return Dictionary(uniqueKeysWithValues: zip(distinct, made))
    }
}

extension EmbeddingModel {
    /// Whether a request's name for a model names this one: its name or identity, or its name behind the organisation's, as in
    /// `sentence-transformers/all-mpnet-base-v2`, in any case.
    func isNamed(_ name: String) -> Bool {
        // The word of the configuration.
        if isLexical, name == "lexical" { return true }
        let last = name.split(separator: "/").last.map(String.init) ?? name
        return name == identity || [name, last].contains { $0.lowercased() == self.name.lowercased() }
    }
}

extension Query {
    /// The document in place of the query's vector, if there is one.
    var document: TextDocument? {
        if case .nearest(.vector(.document(let document))) = ranking { document } else { nil }
    }
}

extension UpdateOperation {
    fileprivate func forEachVectors(_ body: (NamedVectors) -> Void) {
        switch self {
        case .upsert(let points, _, _): for point in points { body(point.vectors) }
        case .updateVectors(let points, _): for point in points { body(point.vectors) }
        default: break
        }
    }

    fileprivate func mapVectors(_ transform: (NamedVectors) -> NamedVectors) -> UpdateOperation {
        switch self {
        case .upsert(let points, let mode, let condition):
            .upsert(
                points.map { PointStruct(id: $0.id, vectors: transform($0.vectors), payload: $0.payload) }, mode: mode,
                condition: condition)
        case .updateVectors(let points, let condition):
            .updateVectors(points.map { ($0.id, transform($0.vectors)) }, condition: condition)
        default: self
        }
    }
}

extension NamedVectors {
    fileprivate func replacing(_ vectors: [TextDocument: [Float]]) -> NamedVectors {
        mapValues { value in
            guard case .document(let document) = value, let vector = vectors[document] else { return value }
            return .dense(vector)
        }
    }
}
