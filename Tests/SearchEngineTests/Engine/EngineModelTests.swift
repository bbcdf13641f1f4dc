import Foundation
import JSON
import OrderedCollections
import SearchEngine
import TestSupport
import Testing

/// Random operations against the engine and against a dictionary, with restarts in between.
@Suite struct EngineModelTests {
    private struct Model {
        var vector: [Float]
        var payload: JSONObject
    }

    @Test(arguments: 0..<4) func agreesWithADictionary(salt: UInt64) throws {
        let seed = SeededGenerator().seed
        var random = SeededGenerator(seed: seed &+ salt)
        let fixture = try EngineFixture()
        let distance: Distance = [.cosine, .dot, .euclid, .manhattan][Int(salt)]
        try fixture.engine.createCollection("c", .unnamed(5, distance))
        var model: [UInt64: Model] = [:]
        for step in 0..<400 {
            try change(&model, fixture.engine, &random, distance)
            if step % 20 == 0 { try compare(model, fixture.engine, &random, distance, "seed \(seed), step \(step)") }
            if step % 90 == 89 {
                try fixture.reopen()
                try compare(model, fixture.engine, &random, distance, "seed \(seed), reopened at \(step)")
            }
        }
        try fixture.close()
        #expect(try Engine.verify(storagePath: fixture.storagePath) { _ in }, "seed \(seed)")
    }

    private func change(
        _ model: inout [UInt64: Model], _ engine: Engine, _ random: inout SeededGenerator, _ distance: Distance
    ) throws {
        let some = { (random: inout SeededGenerator) in UInt64.random(in: 0..<120, using: &random) }
        switch Int.random(in: 0..<10, using: &random) {
        case 0...3:
            var points: [PointStruct] = []
            for _ in 0..<Int.random(in: 1...30, using: &random) {
                let id = some(&random)
                let vector = random.vector(5)
                let payload = randomPayload(&random)
                points.append(PointStruct(id, vector, .object(payload)))
                model[id] = Model(vector: stored(vector, distance), payload: payload)
            }
            _ = try engine.updateBlocking("c", [.upsert(points)])
        case 4:
            let ids = (0..<5).map { _ in some(&random) }
            _ = try engine.updateBlocking("c", [.delete(.ids(ids.map { .number($0) }))])
            for id in ids { model[id] = nil }
        case 5:
            let value = Int64.random(in: 0..<6, using: &random)
            let filter = Filter(must: [.field(try PayloadPath("n"), .match(.integer(value)))])
            _ = try engine.updateBlocking("c", [.delete(.filter(filter))])
            model = model.filter { $0.value.payload["n"] != .integer(value) }
        case 6:
            // Written and changed in one transaction: the filter sees what came before it.
            let id = some(&random)
            let vector = random.vector(5)
            let filter = Filter(must: [.field(try PayloadPath("fresh"), .match(.bool(true)))])
            _ = try engine.updateBlocking(
                "c",
                [
                    .upsert([PointStruct(id, vector, ["fresh": true, "n": 1])]),
                    .setPayload(.filter(filter), payload: ["seen": 1, "fresh": .null], key: nil),
                ])
            model[id] = Model(vector: stored(vector, distance), payload: ["n": 1, "seen": 1])
        case 7:
            guard let id = model.keys.sorted().randomElement(using: &random) else { return }
            let vector = random.vector(5)
            _ = try engine.updateBlocking("c", [.updateVectors([(id: .number(id), vectors: ["": .dense(vector)])])])
            model[id]?.vector = stored(vector, distance)
        case 8:
            guard let id = model.keys.sorted().randomElement(using: &random) else { return }
            let number = JSONValue.integer(Int64.random(in: 0..<6, using: &random))
            _ = try engine.updateBlocking("c", [.setPayload(.ids([.number(id)]), payload: ["n": number], key: nil)])
            model[id]?.payload["n"] = number
        default:
            guard let id = model.keys.sorted().randomElement(using: &random) else { return }
            _ = try engine.updateBlocking("c", [.deletePayload(.ids([.number(id)]), keys: [PayloadPath("n")])])
            model[id]?.payload["n"] = nil
        }
    }

    private func compare(
        _ model: [UInt64: Model], _ engine: Engine, _ random: inout SeededGenerator, _ distance: Distance,
        _ where: String
    ) throws {
        let context = Comment(rawValue: `where`)
        #expect(try engine.count("c", filter: nil, exact: true) == model.count, context)
        let records = try engine.retrieve(
            "c", ids: model.keys.sorted().map { .number($0) }, payload: .all, vectors: .all)
        #expect(records.count == model.count, context)
        for record in records {
            guard case .number(let id) = record.id, let expected = model[id] else { continue }
            #expect(record.payload?.value == .object(expected.payload), context)
            // Normalising rounds once more or less than the model does; nothing else changes a vector.
            let difference = zip(record.vectors?[""]?.dense ?? [], expected.vector).map { abs($0 - $1) }.max() ?? 1
            #expect(difference <= (distance == .cosine ? 2e-7 : 0), context)
        }
        let value = Int64.random(in: 0..<6, using: &random)
        let filter = Filter(must: [.field(try PayloadPath("n"), .match(.integer(value)))])
        let matching = model.filter { $0.value.payload["n"] == .integer(value) }
        #expect(try engine.count("c", filter: filter, exact: true) == matching.count, context)
        var scroll = QueryRequest(Query(), payload: .all)
        scroll.query.limit = 7
        scroll.query.filter = filter
        var scrolled: [PointID] = []
        var next: PointID?
        repeat {
            let page = try engine.query("c", scroll)
            scrolled += page.points.map(\.id)
            next = page.nextID
            scroll.query.ranking = .byID(from: next)
        } while next != nil
        #expect(scrolled == matching.keys.sorted().map { .number($0) }, context)
        // Exact scores, best first.
        let query = stored(random.vector(5), distance)
        var request = QueryRequest(nearest: .vector(.dense(query)), filter: filter, limit: 10)
        request.query.parameters.exact = Bool.random(using: &random)
        let found = try engine.query("c", request).points.map { Double($0.score ?? .nan) }
        let expected = matching.values.map { score(query, $0.vector, distance) }
            .sorted { distance == .cosine || distance == .dot ? $0 > $1 : $0 < $1 }.prefix(10)
        #expect(found.count == expected.count, context)
        for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-4, context) }
    }

    private func randomPayload(_ random: inout SeededGenerator) -> JSONObject {
        var payload: JSONObject = ["n": .integer(Int64.random(in: 0..<6, using: &random))]
        if Bool.random(using: &random) { payload["tags"] = ["a", "b"] }
        return payload
    }

    private func stored(_ vector: [Float], _ distance: Distance) -> [Float] {
        guard distance == .cosine else { return vector }
        let norm = vector.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        return vector.map { $0 * Float(1 / norm) }
    }

    private func score(_ a: [Float], _ b: [Float], _ distance: Distance) -> Double {
        let pairs = zip(a, b).map { (Double($0), Double($1)) }
        return switch distance {
        case .cosine, .dot: pairs.reduce(0) { $0 + $1.0 * $1.1 }
        case .euclid: pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
        case .manhattan: pairs.reduce(0) { $0 + abs($1.0 - $1.1) }
        }
    }
}
