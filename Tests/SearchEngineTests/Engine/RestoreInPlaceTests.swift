import Dispatch
import Foundation
import JSON
import SearchEngine
import Synchronization
import Testing

/// A collection is restored over itself while it is read and written.
@Suite struct RestoreInPlaceTests {
    @Test func nobodySeesTheSwap() throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try engine.createCollection("c", .unnamed(4))
        try engine.updateAliases([.create(alias: "alias", collection: "c")])
        let count = 300
        let points = (0..<count).map {
            PointStruct(UInt64($0), [Float($0 % 7) + 1, 1, 2, 3], ["n": .integer(Int64($0))])
        }
        _ = try engine.updateBlocking("c", [.upsert(points)])
        let path = try engine.snapshotPath("c", name: engine.createSnapshot("c").name)
        let isOver = Atomic(false)
        let failures = Mutex<[String]>([])
        let answers = Atomic(0)
        let filter = Filter(must: [.field(try PayloadPath("n"), .range(RangeBounds(lt: 100)))])
        func loop(_ what: String, _ body: @escaping @Sendable () throws -> Bool) -> @Sendable () -> Void {
            {
                while !isOver.load(ordering: .relaxed) {
                    do {
                        if try body() {
                            answers.wrappingAdd(1, ordering: .relaxed)
                        } else {
                            failures.withLock { $0.append("\(what): a wrong answer") }
                        }
                    } catch { failures.withLock { $0.append("\(what): \(error)") } }
                }
            }
        }
        var search = QueryRequest(nearest: .vector([1, 1, 1, 1]), filter: filter, limit: 5)
        search.payload = .all
        let loops = [
            loop("search") { [search] in
                let found = try engine.query("alias", search).points
                return found.count == 5 && found.allSatisfy { $0.payload != nil }
            },
            loop("count") { try engine.count("c", filter: filter, exact: true) == 100 },
            loop("scroll") { try engine.query("c", QueryRequest(Query(), payload: .all)).points.count == 10 },
            loop("retrieve") {
                let ids = [PointID.number(1), .number(2)]
                return try engine.retrieve("alias", ids: ids, payload: .all, vectors: .all).count == 2
            },
            loop("info") { try engine.collectionInfo("alias").pointsCount >= count },
            loop("upsert") {
                let point = PointStruct(UInt64.random(in: 1_000..<1_100), [1, 2, 3, 4], ["n": 1_000])
                return try engine.updateBlocking("c", [.upsert([point])])[0].status == .completed
            },
            loop("payload") {
                let edit = UpdateOperation.setPayload(.filter(filter), payload: ["seen": true], key: nil)
                return try engine.updateBlocking("alias", [edit])[0].status == .completed
            },
            loop("index") {
                try engine.createPayloadIndex(
                    "c", key: PayloadPath("seen"), schema: PayloadFieldSchema(type: .bool)
                ).status == .completed
            },
        ]
        let group = DispatchGroup()
        for body in loops {
            group.enter()
            Thread {
                body()
                group.leave()
            }.start()
        }
        for _ in 0..<25 { try engine.recoverSnapshot("c", file: path, checksum: nil) }
        isOver.store(true, ordering: .relaxed)
        group.wait()
        #expect(failures.withLock { $0 } == [])
        #expect(answers.load(ordering: .relaxed) > 100)
        try engine.recoverSnapshot("c", file: path, checksum: nil)
        #expect(try engine.count("alias", filter: nil, exact: true) == count)
    }

    /// What was prepared for vectors that are no more is refused, not stored.
    @Test func otherVectorsAreRefused() throws {
        let fixture = try EngineFixture()
        let engine = fixture.engine
        try engine.createCollection("c", .unnamed(4))
        let update = try engine.prepare("c", [.upsert([PointStruct(1, [1, 2, 3, 4])])])
        try engine.createCollection("d", .unnamed(5))
        let path = try engine.snapshotPath("d", name: engine.createSnapshot("d").name)
        try engine.recoverSnapshot("c", file: path, checksum: nil)
        let result = Mutex<Result<[UpdateResult], any Error>?>(nil)
        let done = DispatchSemaphore(value: 0)
        engine.update(update, deadline: nil) { outcome in
            result.withLock { $0 = outcome }
            done.signal()
        }
        done.wait()
        #expect {
            try result.withLock { try $0?.get() }
        } throws: { error in
            if case EngineError.conflict = error { true } else { false }
        }
        #expect(try engine.count("c", filter: nil, exact: true) == 0)
    }
}
