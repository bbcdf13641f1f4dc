import JSON
import SearchEngine
import Testing

/// Texts that Unicode takes for the same, in other bytes, are other values, keys and names, as they are to Qdrant.
@Suite struct ByteEqualityTests {
    private static let composed = "caf\u{E9}"
    private static let decomposed = "cafe\u{301}"

    private func path(_ text: String) throws -> PayloadPath { try PayloadPath("\"\(text)\"") }

    @Test(arguments: [nil, PayloadFieldType.keyword, .uuid, .text])
    func values(_ index: PayloadFieldType?) throws {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("c", .unnamed(1, .dot))
        let key = try PayloadPath("k")
        if let index {
            _ = try fixture.engine.createPayloadIndex("c", key: key, schema: PayloadFieldSchema(type: index))
        }
        let both: JSONValue = [.string(Self.composed), .string(Self.decomposed)]
        _ = try fixture.engine.updateBlocking(
            "c",
            [
                .upsert([
                    PointStruct(0, [1], ["k": .string(Self.composed)]),
                    PointStruct(1, [1], ["k": .string(Self.decomposed)]),
                    PointStruct(2, [1], ["k": both]),
                ])
            ])
        func ids(_ predicate: FieldPredicate) throws -> [PointID] {
            var scroll = QueryRequest(Query(), payload: .all)
            scroll.query.filter = Filter(must: [.field(key, predicate)])
            return try fixture.engine.query("c", scroll).points.map(\.id)
        }
        for (text, own, other) in [(Self.composed, 0, 1), (Self.decomposed, 1, 0)] as [(String, UInt64, UInt64)] {
            let keyword = Keyword(text)
            #expect(try ids(.match(.keyword(keyword))) == [.number(own), .number(2)])
            #expect(try ids(.matchAny(.keywords([keyword]))) == [.number(own), .number(2)])
            #expect(try ids(.matchExcept(.keywords([keyword]))) == [.number(other), .number(2)])
        }
    }

    @Test func nestedConditions() throws {
        let fixture = try EngineFixture()
        try fixture.engine.createCollection("c", .unnamed(1, .dot))
        _ = try fixture.engine.updateBlocking(
            "c",
            [
                .upsert([
                    PointStruct(0, [1], ["o": [["k": .string(Self.composed)]]]),
                    PointStruct(1, [1], ["o": [["k": .string(Self.decomposed)]]]),
                ])
            ])
        for (text, id) in [(Self.composed, 0), (Self.decomposed, 1)] as [(String, UInt64)] {
            let inner = Filter(must: [.field(try PayloadPath("k"), .match(.keyword(Keyword(text))))])
            var scroll = QueryRequest(Query(), payload: .all)
            scroll.query.filter = Filter(must: [.nested(try PayloadPath("o"), inner)])
            #expect(try fixture.engine.query("c", scroll).points.map(\.id) == [.number(id)])
        }
    }

    @Test func payloadKeys() throws {
        let fixture = try EngineFixture()
        let (composed, decomposed) = (ByteString(Self.composed), ByteString(Self.decomposed))
        try fixture.engine.createCollection("c", .unnamed(1, .dot))
        let ids = PointSelection.ids([.number(0)])
        _ = try fixture.engine.updateBlocking(
            "c",
            [
                .upsert([PointStruct(0, [1], .object([composed: 1]))]),
                .setPayload(ids, payload: .object([decomposed: 2]), key: nil),
                .setPayload(ids, payload: ["x": 3], key: try path("n\(Self.composed)")),
                .setPayload(ids, payload: ["x": 4], key: try path("n\(Self.decomposed)")),
            ])
        func payload(_ selector: PayloadSelector) throws -> JSONValue? {
            try fixture.engine.retrieve("c", ids: [.number(0)], payload: selector, vectors: .none)[0].payload?.value
        }
        let nested: JSONObject = [
            ByteString("n\(Self.composed)"): ["x": 3], ByteString("n\(Self.decomposed)"): ["x": 4],
        ]
        let (first, second): (JSONObject, JSONObject) = ([composed: 1], [decomposed: 2])
        let rest = second.merging(nested) { $1 }
        #expect(try payload(.all) == .object(first.merging(rest) { $1 }))
        #expect(try payload(.include([path(Self.decomposed)])) == .object(second))
        #expect(try payload(.exclude([path(Self.composed)])) == .object(rest))
        for key in [Self.composed, Self.decomposed] {
            _ = try fixture.engine.createPayloadIndex(
                "c", key: path(key), schema: PayloadFieldSchema(type: .integer))
        }
        #expect(try fixture.engine.collectionInfo("c").payloadSchema.count == 2)
        let filter = Filter(must: [.field(try path(Self.decomposed), .match(.integer(2)))])
        #expect(try fixture.engine.count("c", filter: filter, exact: true) == 1)
        _ = try fixture.engine.updateBlocking("c", [.deletePayload(ids, keys: [try path(Self.decomposed)])])
        #expect(try payload(.include([path(Self.composed), path(Self.decomposed)])) == .object([composed: 1]))
        #expect(try fixture.engine.count("c", filter: filter, exact: true) == 0)
    }

    @Test func names() throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        let vectors = CollectionConfiguration(vectors: [
            ByteString(Self.composed): VectorParameters(size: 1, distance: .dot),
            ByteString(Self.decomposed): VectorParameters(size: 2, distance: .dot),
        ])
        try engine.createCollection(Self.composed, vectors)
        #expect(!engine.collectionExists(Self.decomposed))
        try engine.createCollection(Self.decomposed, .unnamed(1))
        #expect(engine.collectionNames().map { $0.utf8.count } == [6, 5])
        _ = try engine.updateBlocking(
            Self.composed,
            [
                .upsert([
                    PointStruct(
                        id: .number(1),
                        vectors: [ByteString(Self.composed): [1], ByteString(Self.decomposed): [2, 3]])
                ])
            ])
        let record = try engine.retrieve(
            Self.composed, ids: [.number(1)], payload: .none, vectors: .names([Self.decomposed]))[0]
        #expect(record.vectors == [ByteString(Self.decomposed): [2, 3]])
        #expect(try engine.count(Self.decomposed, filter: nil, exact: true) == 0)
        try engine.updateAliases([
            .create(alias: "a\(Self.composed)", collection: Self.composed),
            .create(alias: "a\(Self.decomposed)", collection: Self.decomposed),
        ])
        try fixture.reopen()
        #expect(fixture.engine.collectionNames().map { $0.utf8.count } == [6, 5])
        #expect(
            try fixture.engine.retrieve(Self.composed, ids: [.number(1)], payload: .none, vectors: .all)[0].vectors
                == [ByteString(Self.composed): [1], ByteString(Self.decomposed): [2, 3]])
        #expect(try fixture.engine.count("a\(Self.composed)", filter: nil, exact: true) == 1)
        #expect(try fixture.engine.aliases(of: Self.composed).count == 1)
        #expect(try fixture.engine.deleteCollection(Self.decomposed))
        #expect(
            fixture.engine.collectionExists(Self.composed) && fixture.engine.collectionExists("a\(Self.composed)"))
        #expect(!fixture.engine.collectionExists("a\(Self.decomposed)"))
    }

    /// An accent right behind a path's syntax belongs to the next key, and takes nothing of the syntax with it.
    @Test func pathsAreReadByBytes() throws {
        #expect(try PayloadPath("a.\u{301}b").steps == [.key("a"), .key("\u{301}b")])
        #expect(try PayloadPath("\"a\u{301}\"[]").steps == [.key("a\u{301}"), .all])
        #expect(throws: EngineError.self) { try PayloadPath("\"a\"\u{301}") }
        #expect(throws: EngineError.self) { try PayloadPath("a[\u{661}]") }
        #expect(try PayloadPath("caf\u{E9}") != PayloadPath("cafe\u{301}"))
    }
}
