import JSON
import SearchEngine
import TestSupport
import Testing

/// Searches on threads that must not be held.
@Suite final class BriefSearchTests {
    private let fixture: EngineFixture
    private var engine: Engine { fixture.engine }

    init() throws {
        fixture = try EngineFixture()
        try fixture.engine.createCollection("c", .unnamed(4))
        var random = SeededGenerator()
        let points = (0..<500).map {
            PointStruct($0, random.vector(4), ["n": JSONValue(Int($0 % 10)), "t": "text"])
        }
        _ = try fixture.engine.updateBlocking("c", [.upsert(points)])
    }

    private func request(_ change: (inout QueryRequest) -> Void = { _ in }) -> QueryRequest {
        var request = QueryRequest(nearest: .vector([1, 0.5, -1, 0.25]))
        change(&request)
        return request
    }

    /// With time and room for any search of the 500 points, unless told otherwise.
    private func queryAtOnce(
        _ request: QueryRequest, in collection: String = "c", within limit: Duration = .seconds(60),
        scanning count: Int = 500
    ) throws -> QueryResult? {
        try engine.queryAtOnce(collection, request, within: limit, scanning: count)
    }

    private func nine() throws -> Filter { Filter(must: [.field(try PayloadPath("n"), .match(.integer(9)))]) }

    /// Whatever is answered at once is what any search answers.
    @Test func theAnswersAreTheSame() throws {
        let nine = try nine()
        _ = try engine.count("c", filter: nine, exact: true)
        for request in [
            request(), request { $0.query.limit = 0 },
            request {
                $0.query.limit = 60; $0.query.offset = 40
            }, request { $0.payload = .all },
            request { $0.query.ranking = .nearest(.id(.number(7))) }, request { $0.query.filter = Filter() },
            request { $0.query.filter = nine },
            request { $0.query.scoreThreshold = 0.9 },
        ] {
            let expected = try engine.query("c", request).points
            let found = try #require(try queryAtOnce(request))
            #expect(found.points.map(\.id) == expected.map(\.id))
            #expect(found.points.map(\.score) == expected.map(\.score))
            #expect(found.points.map { $0.payload?.json } == expected.map { $0.payload?.json })
        }
    }

    /// The first payloads are read by a thread that may wait for the database to be opened.
    @Test func payloadsWaitForNoConnection() throws {
        let payloads = request { $0.payload = .all }
        #expect(try queryAtOnce(payloads) == nil)
        #expect(try queryAtOnce(request())?.points.count == 10)
        _ = try engine.query("c", payloads)
        #expect(try queryAtOnce(payloads)?.points.allSatisfy { $0.payload != nil } == true)
    }

    @Test func mistakesAreToldAtOnce() throws {
        func expectError(_ collection: String, _ request: QueryRequest) {
            let expected = #expect(throws: EngineError.self) {
                try engine.query(collection, request)
            }
            let found = #expect(throws: EngineError.self) {
                try queryAtOnce(request, in: collection)
            }
            #expect(found != nil && found == expected)
        }
        expectError("none", request())
        expectError("c", request { $0.query.using = "none" })
        expectError("c", request { $0.query.ranking = .nearest(.vector([1])) })
        expectError("c", request { $0.query.ranking = .nearest(.id(.number(1000))) })
    }

    /// What may take long, or has taken too long, is left to others.
    @Test func whatMayTakeLongIsNotDone() throws {
        let text = try PayloadPath("t")
        for request in [
            request { $0.query.parameters.exact = true }, request { $0.query.parameters.ignoreQuantization = true },
            request { $0.query.limit = 101 },
            request {
                $0.query.limit = 100; $0.query.offset = 1
            }, request { $0.vectors = .all },
            request {
                $0.query.limit = 100; $0.query.parameters.oversampling = 3
            },
            request {
                $0.query.limit = .max; $0.query.offset = .max
            },
            request { $0.query.filter = Filter(must: [.hasID([.number(1)])]) },
            request { $0.query.filter = Filter(should: [.field(text, .matchText("text"))]) },
        ] {
            #expect(try queryAtOnce(request)?.points.count == nil)
        }
        let request = request()
        #expect(try queryAtOnce(request, scanning: 499)?.points.count == nil)
        #expect(try queryAtOnce(request)?.points.count == 10)
        #expect(try queryAtOnce(request, within: .zero)?.points.count == nil)
    }

    /// A filter's first use builds an index, which is not done on such a thread.
    @Test func noPayloadIndexIsBuilt() throws {
        let nine = try nine()
        let request = request { $0.query.filter = nine }
        for _ in 0..<2 { #expect(try queryAtOnce(request)?.points.count == nil) }
        _ = try engine.query("c", request)
        #expect(try queryAtOnce(request)?.points.count != nil)
    }

    /// While points are published, whoever must not wait is sent away.
    @Test func nobodyWaitsForAWriter() throws {
        let collection = try engine.collection("c")
        let found = try collection.lock.write {
            try queryAtOnce(request())
        }
        #expect(found?.points.count == nil)
        #expect(try queryAtOnce(request())?.points.count != nil)
    }
}
