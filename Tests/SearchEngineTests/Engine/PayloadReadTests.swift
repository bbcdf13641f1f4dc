import JSON
import SearchEngine
import Testing

/// Payloads of results, read on connections that keep their statements.
@Suite struct PayloadReadTests {
    /// More collections than a connection keeps statements for, some of which go and come again.
    @Test func payloadsOfManyCollections() throws {
        let fixture = try EngineFixture()
        let names = (0..<70).map { "c\($0)" }
        func fill(_ name: String, _ round: Int) throws {
            try fixture.engine.createCollection(name, .unnamed(2))
            let points = (0..<3).map { PointStruct($0, [1, Float($0)], ["of": .string("\(name) \(round)")]) }
            _ = try fixture.engine.updateBlocking(name, [.upsert(points)])
        }
        func expectPayloads(_ name: String, _ round: Int) throws {
            var request = QueryRequest(nearest: .vector([1, 0]))
            request.payload = .all
            let points = try fixture.engine.query(name, request).points
            let expected = Payload(["of": .string("\(name) \(round)")])
            #expect(points.map(\.payload) == [expected, expected, expected])
        }
        for name in names { try fill(name, 0) }
        for name in names + names.reversed() { try expectPayloads(name, 0) }
        for name in names.prefix(30) {
            _ = try fixture.engine.deleteCollection(name)
            #expect(throws: EngineError.self) { try expectPayloads(name, 0) }
            try fill(name, 1)
        }
        for (index, name) in names.enumerated() { try expectPayloads(name, index < 30 ? 1 : 0) }
    }

    /// Each read sees payloads that one commit left, while others change them.
    @Test func payloadsAreOfOneSnapshot() async throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try engine.createCollection("c", .unnamed(2))
        let ids = (0..<200).map { PointID.number($0) }
        func set(_ round: Int) throws {
            _ = try engine.updateBlocking(
                "c", [.overwritePayload(.ids(ids), payload: ["round": JSONValue(round)], key: nil)])
        }
        _ = try engine.updateBlocking("c", [.upsert((0..<200).map { PointStruct($0, [1, 0]) })])
        try set(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for round in 1...50 { try set(round) } }
            for _ in 0..<3 {
                group.addTask {
                    for _ in 0..<100 {
                        let found = try engine.retrieve("c", ids: ids, payload: .all, vectors: .none)
                        #expect(Set(found.map { $0.payload?.json }).count == 1)
                        #expect(found.count == ids.count)
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
