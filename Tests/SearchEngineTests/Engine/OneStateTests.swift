import Foundation
import JSON
import SearchEngine
import Synchronization
import TestSupport
import Testing

/// A read sees one state of a collection, however long it takes, and writers go on meanwhile.
@Suite struct OneStateTests {
    private static let count = 20_000
    private static let parts = 100

    /// Runs `body` while another thread writes; what that throws is thrown. Returns how often it has written.
    private func beside(_ write: @escaping @Sendable (_ turn: Int) throws -> Void, _ body: () throws -> Void) throws
        -> Int
    {
        final class Writer: Sendable {
            let isOver = Atomic(false)
            let turns = Atomic(0)
            let failure = Mutex<(any Error)?>(nil)
        }
        let writer = Writer()
        let ended = DispatchGroup()
        ended.enter()
        Thread.detachNewThread {
            defer { ended.leave() }
            do {
                while !writer.isOver.load(ordering: .relaxed) {
                    try write(writer.turns.load(ordering: .relaxed))
                    writer.turns.add(1, ordering: .relaxed)
                }
            } catch { writer.failure.withLock { $0 = error } }
        }
        defer {
            writer.isOver.store(true, ordering: .relaxed)
            ended.wait()
        }
        try body()
        if let failure = writer.failure.withLock({ $0 }) { throw failure }
        return writer.turns.load(ordering: .relaxed)
    }

    private func filled(_ configure: @escaping (inout EngineConfiguration) -> Void = { _ in }) throws -> EngineFixture {
        let fixture = try EngineFixture(durability: .normal, configure)
        try fixture.engine.createCollection("c", .unnamed(4, .euclid))
        for start in stride(from: 0, to: Self.count, by: 1_000) {
            let points = (start..<start + 1_000).map { id in
                PointStruct(UInt64(id), [Float(id), 1, 2, 3], ["n": JSONValue(id % Self.parts)])
            }
            _ = try fixture.engine.updateBlocking("c", [.upsert(points)])
        }
        return fixture
    }

    private func range(_ from: Double, _ to: Double) throws -> Condition {
        .field(try PayloadPath("n"), .range(RangeBounds(lt: to, gte: from)))
    }

    /// A filter that everything fulfils, each point by one of many conditions; what stands between them takes time.
    private func everything() throws -> Filter {
        var filter = Filter()
        for part in 0..<Self.parts {
            filter.should.append(try range(Double(part), Double(part + 1)))
            filter.should.append(.filter(Filter(must: [try range(0, Double(Self.parts)), try range(-2, -1)])))
        }
        return filter
    }

    /// One change takes a mark from a point in place and gives it to another, new or not: exactly one point has it at any time.
    @Test func aChangeOfPayloadsAndPointsIsSeenWhole() throws {
        let fixture = try filled()
        let engine = fixture.engine
        let marked = Filter(must: [.field(try PayloadPath("mark"), .match(.bool(true)))])
        let first = UInt64(Self.count)
        _ = try engine.updateBlocking("c", [.upsert([PointStruct(first, [1, 2, 3, 4], ["mark": true])])])
        #expect(try engine.count("c", filter: marked, exact: true) == 1)
        let turns = try beside { turn in
            let old = PointID.number(first + UInt64(turn % 7))
            let new = PointStruct(first + UInt64((turn + 1) % 7), [1, 2, 3, 4], ["mark": true])
            _ = try engine.updateBlocking(
                "c", [.setPayload(.ids([old]), payload: ["mark": false], key: nil), .upsert([new])])
        } _: {
            for look in 0..<repetitions(2_000) {
                let count = try engine.count("c", filter: marked, exact: true)
                let query = Query(.nearest(.vector([1, 2, 3, 4])), filter: marked)
                let found = try engine.query("c", QueryRequest(query))
                guard count == 1, found.points.count == 1 else {
                    Issue.record("look \(look): \(count) points, \(found.points.count) found")
                    return
                }
            }
        }
        #expect(turns > repetitions(10))
    }

    /// Points get other payloads in place, other slots, and go and come again in one change.
    @Test(arguments: 0..<3) func aLongFilterCountsEachPointOnce(kind: Int) throws {
        let fixture = try filled()
        let (filter, engine) = (try everything(), fixture.engine)
        #expect(try fixture.engine.count("c", filter: filter, exact: true) == Self.count)
        let turns = try beside { turn in
            let ids = (0..<50).map { UInt64((turn * 50 + $0) % Self.count) }
            let n: JSONValue = ["n": JSONValue((turn * 37) % Self.parts)]
            let operations: [UpdateOperation] =
                switch kind {
                case 0: [.setPayload(.ids(ids.map { .number($0) }), payload: n, key: nil)]
                case 1: [.upsert(ids.map { PointStruct($0, [Float($0), 1, 2, 3], n) })]
                default:
                    [
                        .delete(.ids(ids.map { .number($0) })),
                        .upsert(ids.map { PointStruct($0, [Float($0), 1, 2, 3], n) }),
                    ]
                }
            _ = try engine.updateBlocking("c", operations)
        } _: {
            for _ in 0..<repetitions(40) {
                let count = try engine.count("c", filter: filter, exact: true)
                #expect(count == Self.count)
                var scroll = QueryRequest(Query(), payload: .all)
                scroll.query.filter = filter
                scroll.query.limit = 7
                scroll.payload = .none
                let page = try engine.query("c", scroll, deadline: nil)
                #expect(page.points.count == 7)
            }
        }
        #expect(turns > 10)
    }

    /// Each filter's index takes the other's place, so that one may be missing at any attempt, and payloads keep changing: nobody
    /// waits for a build while others wait for him.
    @Test func filtersEndWhileIndexesGoAndPayloadsChange() throws {
        let fixture = try filled { $0.implicitIndexBudgetBytes = 1 }
        let engine = fixture.engine
        let long = try everything()
        let other = Filter(must: [.isEmpty(try PayloadPath("m"))])
        let turns = try beside { turn in
            let n: JSONValue = ["n": JSONValue((turn * 37) % Self.parts)]
            _ = try engine.updateBlocking(
                "c", [.setPayload(.ids([.number(UInt64(turn % Self.count))]), payload: n, key: nil)])
        } _: {
            var counted = 0
            for round in 0..<repetitions(20) {
                do {
                    let count = try engine.count("c", filter: round % 2 == 0 ? long : other, exact: true)
                    #expect(count == Self.count)
                    counted += 1
                } catch EngineError.busy {}
            }
            #expect(counted > 0)
        }
        #expect(turns > 10)
    }

    /// Equal searches of a batch find the same, with filters and without, though a writer moves what they find.
    @Test func aBatchSeesOneState() throws {
        let fixture = try filled()
        let filter = try everything()
        var request = QueryRequest(nearest: .vector([0, 1, 2, 3]), limit: 20)
        request.query.parameters.exact = true
        var filtered = request
        filtered.query.filter = filter
        let engine = fixture.engine
        let page = QueryRequest(Query(filter: filter, limit: Self.count))
        let requests = [request, filtered, request, filtered, request, page]
        let turns = try beside { turn in
            let points = (0..<20).map { id in
                PointStruct(
                    UInt64(id), [Float(id) + Float(turn % 100) / 100, 1, 2, 3], ["n": JSONValue(turn % Self.parts)])
            }
            _ = try engine.updateBlocking("c", [.upsert(points)])
        } _: {
            for _ in 0..<repetitions(100) {
                let results = try fixture.engine.query("c", requests, deadline: nil)
                let found = results.map { result in
                    result.points.map { [Double($0.score ?? 0), Double($0.version)] }
                }
                for other in found.dropFirst().dropLast() { #expect(other == found[0]) }
                #expect(results[5].points.count == Self.count, "a query without a vector sees it too")
            }
        }
        #expect(turns > 10)
    }

    /// A deadline ends a filter between its conditions.
    @Test func aLongFilterKeepsItsTime() throws {
        let fixture = try filled()
        var filter = Filter()
        for _ in 0..<4_000 { filter.should += [try range(0, Double(Self.parts))] }
        let error = #expect(throws: EngineError.self) {
            try fixture.engine.count("c", filter: filter, exact: true, deadline: .now + .milliseconds(20))
        }
        guard case .timeout = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }
}
