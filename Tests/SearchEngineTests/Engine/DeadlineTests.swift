import HookedFiles
import JSON
import SearchEngine
import Testing

@Suite struct DeadlineTests {
    private let files = HookedFileSystem()
    private let fixture: EngineFixture
    private var engine: Engine { fixture.engine }

    init() throws {
        fixture = try EngineFixture(fileSystem: files)
        try fixture.engine.createCollection("c", .unnamed(1, .dot))
        _ = try fixture.engine.updateBlocking(
            "c", [.upsert((0..<10).map { PointStruct($0, [1], ["n": .integer(Int64($0))]) })])
    }

    private func expectTimeout(_ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) {
        do {
            try body()
            Issue.record("no timeout", sourceLocation: sourceLocation)
        } catch EngineError.timeout {
        } catch {
            Issue.record("\(error)", sourceLocation: sourceLocation)
        }
    }

    private func filter() throws -> Filter {
        Filter(must: [.field(try PayloadPath("n"), .range(RangeBounds(gte: 5)))])
    }

    @Test func readsWhoseTimeIsOver() throws {
        let past = ContinuousClock.now
        let filter = try filter()
        var scroll = QueryRequest(Query(), payload: .all)
        expectTimeout { _ = try engine.query("c", scroll, deadline: past) }
        scroll.query.filter = filter
        expectTimeout { _ = try engine.query("c", scroll, deadline: past) }
        expectTimeout { _ = try engine.count("c", filter: nil, exact: true, deadline: past) }
        expectTimeout { _ = try engine.count("c", filter: filter, exact: true, deadline: past) }
        expectTimeout {
            _ = try engine.retrieve("c", ids: [.number(1)], payload: .all, vectors: .none, deadline: past)
        }
        expectTimeout { _ = try engine.query("c", QueryRequest(nearest: .vector([1])), deadline: past) }
        let future = past + .seconds(3_600)
        #expect(try engine.count("c", filter: filter, exact: true, deadline: future) == 5)
        #expect(try engine.query("c", scroll, deadline: future).points.count == 5)
    }

    /// While the disk takes its time, whoever set a limit gets an answer; what was asked for is done all the same.
    @Test func theDiskTakesItsTime() async throws {
        let sync = HeldSync(of: ".f32", on: files)
        // A failure must not leave the writer waiting.
        defer { sync.release() }
        let update = try engine.prepare("c", [.upsert([PointStruct(77, [1], ["n": 77])])])
        #expect(try await engine.update(update, deadline: .now + .milliseconds(1)) == [.waitTimeout])
        try #require(await sync.hasBegun())
        // The sync holds up publication, which building an index needs.
        let filter = try filter()
        var scroll = QueryRequest(Query(), payload: .all)
        scroll.query.filter = filter
        var search = QueryRequest(nearest: .vector([1]))
        search.query.filter = filter
        expectTimeout { _ = try engine.count("c", filter: filter, exact: true, deadline: .now + .milliseconds(5)) }
        expectTimeout { _ = try engine.query("c", scroll, deadline: .now + .milliseconds(5)) }
        expectTimeout { _ = try engine.query("c", search, deadline: .now + .milliseconds(5)) }
        expectTimeout { try engine.createCollection("d", .unnamed(1), deadline: .now + .milliseconds(5)) }
        let index = try engine.createPayloadIndex(
            "c", key: PayloadPath("n"), schema: PayloadFieldSchema(type: .integer), deadline: .now + .milliseconds(5))
        #expect(index == .waitTimeout)
        sync.release()
        // Everything in the queue before this is done after it.
        _ = try engine.updateBlocking("c", [.delete(.ids([.number(5)]))])
        #expect(try engine.count("c", filter: filter, exact: true) == 5)
        #expect(engine.collectionExists("d"))
        #expect(try engine.collectionInfo("c").payloadSchema["n"]?.points == 10)
    }
}
