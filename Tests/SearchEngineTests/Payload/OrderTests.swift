import JSON
import SearchEngine
import TestSupport
import Testing

@Suite struct OrderTests {
    private func order(
        _ collection: IndexedCollection, _ direction: OrderBy.Direction = .ascending, from: OrderValue? = nil,
        where isMember: (Int) -> Bool = { _ in true }
    ) throws -> [(OrderValue, Int)] {
        let path = try PayloadPath("n")
        collection.build(collection.indexes.view().missing(for: [], orders: [path]))
        let words = collection.words { collection.isLive[$0] && isMember($0) }
        let order = try collection.indexes.view().ordered(OrderBy(key: path, direction: direction, startFrom: from))
        let walked = order.walk(among: words).map { ($0.value, Int($0.slot)) }
        let sorted = order.sort(words, most: .max).map { ($0.value, Int($0.slot)) }
        #expect(sorted.map(\.0) == walked.map(\.0) && sorted.map(\.1) == walked.map(\.1), "both ways are one order")
        #expect(order.sort(words, most: 2).count == min(walked.count, 2))
        return walked
    }

    private func expect(
        _ found: [(OrderValue, Int)], _ expected: [(OrderValue, Int)], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(found.map(\.0) == expected.map(\.0), sourceLocation: sourceLocation)
        #expect(found.map(\.1) == expected.map(\.1), sourceLocation: sourceLocation)
    }

    static let numbers = [
        #"{"n":3}"#, #"{"n":1.5}"#, #"{"n":[5,0]}"#, #"{"n":"x"}"#, "{}", #"{"n":2}"#, #"{"n":2}"#, #"{"n":null}"#,
        #"{"n":[2,2]}"#, #"{"n":2.0}"#, #"{"n":-1}"#, #"{"n":true}"#, #"{"n":[[9]]}"#,
    ]

    private func declare(_ type: PayloadFieldType, _ collection: IndexedCollection) throws {
        collection.indexes.createIndex(try PayloadPath("n"), PayloadFieldSchema(type: type))
    }

    @Test func numbers() throws {
        let collection = try IndexedCollection(Self.numbers)
        try declare(.float, collection)
        let all: [(OrderValue, Int)] = [
            (.float(-1), 10), (.float(0), 2), (.float(1.5), 1), (.float(2), 5), (.float(2), 6), (.float(2), 8),
            (.float(2), 9), (.float(3), 0), (.float(5), 2),
        ]
        expect(try order(collection), all)
        expect(try order(collection, .descending), all.reversed())
        expect(try order(collection, from: .integer(2)), Array(all[3...]))
        expect(try order(collection, from: .float(1.5)), Array(all[2...]))
        expect(try order(collection, from: .float(1.6)), Array(all[3...]))
        expect(try order(collection, .descending, from: .integer(2)), all[..<7].reversed())
        expect(try order(collection, .descending, from: .float(2.5)), all[..<7].reversed())
        expect(try order(collection, from: .integer(.max)), [])
        expect(try order(collection, where: { $0 % 2 == 1 }), all.filter { $0.1 % 2 == 1 })
        try declare(.integer, collection)
        expect(
            try order(collection),
            all.compactMap { value, slot in
                if case .float(let number) = value { Int64(exactly: number).map { (.integer($0), slot) } } else { nil }
            })
    }

    /// As in Qdrant, only an index that answers ranges orders.
    @Test func anOrderWantsAnIndex() throws {
        let collection = try IndexedCollection(Self.numbers)
        func refuses(sourceLocation: SourceLocation = #_sourceLocation) {
            #expect(sourceLocation: sourceLocation) {
                _ = try order(collection)
            } throws: {
                "\($0)".contains("No range index for `order_by` key: `n`")
            }
        }
        refuses()
        for type in [PayloadFieldType.keyword, .bool, .uuid, .geo, .text] {
            try declare(type, collection)
            refuses()
        }
        var schema = PayloadFieldSchema(type: .integer)
        schema.range = false
        collection.indexes.createIndex(try PayloadPath("n"), schema)
        refuses()
    }

    @Test func largeIntegersStayExact() throws {
        let values: [Int64] = [
            .max, .max - 1, 9_007_199_254_740_993, 9_007_199_254_740_992, .min, .min + 1, -9_007_199_254_740_993,
        ]
        let collection = IndexedCollection()
        try declare(.integer, collection)
        for value in values { collection.append(["n": .integer(value)]) }
        #expect(try order(collection).map(\.0) == values.sorted().map { .integer($0) })
        #expect(try order(collection, from: .integer(.max)).map(\.0) == [.integer(.max)])
        #expect(try order(collection, .descending, from: .integer(.min)).map(\.0) == [.integer(.min)])
    }

    @Test func datetimes() throws {
        let collection = try IndexedCollection([
            #"{"n":"2023-02-08T10:00:00Z"}"#, #"{"n":"2024-01-01"}"#, #"{"n":"2022-01-01"}"#,
            #"{"n":["2021-01-01","2025-01-01"]}"#,
        ])
        try declare(.datetime, collection)
        let all: [(OrderValue, Int)] = [
            (.integer(1_609_459_200_000_000), 3), (.integer(1_640_995_200_000_000), 2),
            (.integer(1_675_850_400_000_000), 0),
            (.integer(1_704_067_200_000_000), 1), (.integer(1_735_689_600_000_000), 3),
        ]
        expect(try order(collection), all)
        expect(try order(collection, .descending), all.reversed())
        expect(try order(collection, from: .integer(1_675_850_400_000_000)), Array(all[2...]))
        expect(try order(collection, from: .float(1_675_850_400_000_000.5)), Array(all[3...]))
        expect(try order(collection, .descending, from: .integer(1_675_850_400_000_000)), all[...2].reversed())
    }

    /// Against sorting, while values change, so that recent and removed ones mix with sorted ones.
    @Test func randomSequences() throws {
        var generator = SeededGenerator("randomSequences")
        let collection = IndexedCollection()
        try declare(.integer, collection)
        func payload() -> JSONValue {
            let count = Int.random(in: 0...2, using: &generator)
            return ["n": .array((0..<count).map { _ in .integer(.random(in: -50...50, using: &generator)) })]
        }
        for _ in 0..<2000 { collection.append(payload()) }
        for step in 0..<60 {
            for _ in 0..<50 {
                if generator.chance(0.3) {
                    collection.append(payload())
                } else {
                    collection.replace(.random(in: 0..<collection.payloads.count, using: &generator), payload())
                }
            }
            let isAscending = generator.chance(0.5)
            let from = generator.chance(0.5) ? Int64.random(in: -60...60, using: &generator) : nil
            var expected: [(Int64, Int)] = []
            for (slot, payload) in collection.payloads.enumerated() where slot % 2 == step % 2 {
                let values = Set((payload["n"]?.arrayValue ?? []).compactMap(\.integerValue))
                for value in values where from.map({ isAscending ? value >= $0 : value <= $0 }) ?? true {
                    expected.append((value, slot))
                }
            }
            expected.sort { isAscending ? $0 < $1 : $1 < $0 }
            let found = try order(
                collection, isAscending ? .ascending : .descending, from: from.map { .integer($0) },
                where: { $0 % 2 == step % 2 })
            guard found.map(\.1) == expected.map(\.1), found.map(\.0) == expected.map({ .integer($0.0) }) else {
                Issue.record("seed \(generator.seed), step \(step)")
                return
            }
        }
    }
}
