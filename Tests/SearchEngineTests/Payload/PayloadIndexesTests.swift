import JSON
import SearchEngine
import Synchronization
import TestSupport
import Testing

@Suite struct PayloadIndexesTests {
    /// Indexes answer as the naive evaluator does: explicit ones and implicit ones, while payloads change, points go and
    /// field indexes are built and evicted.
    @Test(arguments: [Int.max, 100_000, 0]) func answerAsTheNaiveEvaluator(budget: Int) throws {
        var random = RandomFilters(generator: SeededGenerator("answerAsTheNaiveEvaluator"))
        let seed = random.generator.seed
        for round in 0..<6 {
            let collection = IndexedCollection(budget: budget)
            for _ in 0..<100 { collection.append(random.payload()) }
            for step in 0..<400 {
                switch Int.random(in: 0..<10, using: &random.generator) {
                case 0: collection.append(random.payload())
                case 1, 2:
                    collection.replace(
                        .random(in: 0..<collection.payloads.count, using: &random.generator), random.payload())
                case 3: collection.delete(.random(in: 0..<collection.payloads.count, using: &random.generator))
                case 4 where step % 4 == 0:
                    collection.indexes.createIndex(random.path(), random.schema())
                case 5 where step % 4 == 0: collection.indexes.dropIndex(random.path())
                default:
                    let filter = random.filter()
                    guard try collection.matches(filter) == collection.naiveMatches(filter) else {
                        Issue.record("seed \(seed), round \(round), step \(step): \(filter)")
                        return
                    }
                }
            }
        }
    }

    /// Each single condition, on enough payloads for dense sets and merged runs.
    @Test func everyPredicate() throws {
        var random = RandomFilters(generator: SeededGenerator("everyPredicate"))
        let collection = IndexedCollection()
        for _ in 0..<3000 { collection.append(random.payload()) }
        var kinds: Set<String> = []
        for step in 0..<400 {
            let kind = step / 2 % RandomFilters.predicateKinds
            let condition =
                step % 2 == 0
                ? random.condition(depth: 0) : .field(try PayloadPath("a"), random.predicate(kind: kind))
            let filter = Filter(must: [condition])
            let found = try collection.matches(filter)
            if case .field(_, let predicate) = condition, !found.isEmpty {
                kinds.insert(String(String(describing: predicate).prefix { $0 != "(" }))
            }
            guard found == collection.naiveMatches(filter) else {
                Issue.record("seed \(random.generator.seed), step \(step): \(filter)")
                return
            }
            for _ in 0..<20 {
                collection.replace(
                    .random(in: 0..<collection.payloads.count, using: &random.generator), random.payload())
            }
            if step % 10 == 0 { collection.append(random.payload()) }
        }
        #expect(kinds.count == 14, "each kind of predicate found something: \(kinds)")
    }

    /// Writes that happen while a builder is fed come in once, whether the scan has seen them or not.
    @Test func writesDuringABuild() throws {
        var random = RandomFilters(generator: SeededGenerator("writesDuringABuild"))
        for round in 0..<60 {
            let collection = IndexedCollection()
            for _ in 0..<120 { collection.append(random.payload()) }
            let filters = (0..<12).map { _ in random.filter() }
            var keys: [FieldIndexKey] = []
            for filter in filters {
                keys += collection.indexes.view().missing(for: filter).filter { !keys.contains($0) }
            }
            let builder = collection.indexes.makeBuilder(for: keys)
            func write() {
                for _ in 0..<Int.random(in: 0...30, using: &random.generator) {
                    if random.generator.chance(0.2) {
                        collection.append(random.payload())
                    } else {
                        collection.replace(
                            .random(in: 0..<collection.payloads.count, using: &random.generator), random.payload())
                    }
                }
            }
            write()
            // The scan sees each point as it is at some moment in between; new points perhaps.
            for slot in 0..<collection.payloads.count {
                builder.feed(UInt32(slot), collection.payloads[slot])
                if slot % 40 == 0 { write() }
            }
            builder.finish()
            write()
            collection.indexes.install(builder)
            write()
            for filter in filters {
                #expect(collection.indexes.view().missing(for: filter).isEmpty)
                guard try collection.evaluate(filter) == collection.naiveMatches(filter) else {
                    Issue.record("seed \(random.generator.seed), round \(round): \(filter)")
                    return
                }
            }
        }
    }

    @Test func manyReadersAtOnce() throws {
        var random = RandomFilters(generator: SeededGenerator("manyReadersAtOnce"))
        let collection = IndexedCollection()
        for _ in 0..<500 { collection.append(random.payload()) }
        let filters = (0..<40).map { _ in random.filter() }
        let expected = try filters.map(collection.matches)
        nonisolated(unsafe) let shared = collection
        let wrong = Mutex(0)
        onThreads(4) { thread in
            for iteration in 0..<100 {
                let index = (thread * 10 + iteration) % filters.count
                if (try? shared.evaluate(filters[index])) != expected[index]
                    || !shared.indexes.view().missing(for: filters[index]).isEmpty
                {
                    wrong.withLock { $0 += 1 }
                }
            }
        }
        #expect(wrong.withLock { $0 } == 0)
    }

    @Test func emptyCollectionAndEmptyFilter() throws {
        let collection = IndexedCollection()
        #expect(try collection.matches(Filter()) == [])
        for _ in 0..<70 { collection.append([:]) }
        collection.delete(3)
        #expect(try collection.matches(Filter()).count == 69)
        #expect(try collection.matches(Filter(must: [.filter(Filter())])).count == 69)
        #expect(try collection.matches(Filter(mustNot: [.filter(Filter())])) == [])
        #expect(try collection.matches(Filter(must: [.hasID([])])) == [])
        #expect(try collection.matches(Filter(must: [.hasID([.number(2), .number(3), .number(1_000_000)])])) == [2])
    }

    @Test func leastRecentlyUsedIndexesGo() throws {
        let collection = IndexedCollection(budget: 300_000)
        for number in 0..<5000 {
            let value = JSONValue.integer(Int64(number))
            collection.append(["a": value, "b": value, "c": value, "d": value])
        }
        func filter(_ key: String) throws -> Filter {
            Filter(must: [.field(try PayloadPath(key), .range(RangeBounds(lt: 10)))])
        }
        for key in ["a", "b", "c"] { #expect(try collection.matches(filter(key)).count == 10) }
        #expect(collection.indexes.fieldIndexCount == 3)
        _ = try collection.evaluate(filter("a"))
        _ = try collection.matches(filter("d"))
        #expect(try collection.indexes.view().missing(for: filter("a")).isEmpty)
        #expect(try collection.indexes.view().missing(for: filter("b")).count == 1)
        #expect(collection.indexes.residentBytes <= 300_000)
        // An explicit index stays, and doesn't count. It has an order, which the filter's had not, and so is made anew.
        collection.indexes.createIndex(try PayloadPath("a"), PayloadFieldSchema(type: .float))
        #expect(try collection.indexes.view().missing(for: filter("a")).count == 1)
        #expect(try collection.matches(filter("a")).count == 10)
        #expect(try collection.indexes.view().ordered(OrderBy(key: PayloadPath("a"))).isSortable)
        for key in ["b", "c", "d", "b"] { _ = try collection.matches(filter(key)) }
        #expect(try collection.indexes.view().missing(for: filter("a")).isEmpty)
        #expect(collection.indexes.fieldIndexCount == 4)
    }

    /// Whatever the budget, what was built together can be evaluated together.
    @Test func severalFiltersAtOnce() throws {
        let collection = IndexedCollection(budget: 0)
        for number in 0..<300 { collection.append(["a": .integer(Int64(number)), "b": .integer(Int64(number % 7))]) }
        let path = try PayloadPath("b")
        let filters = [
            Filter(must: [.field(try PayloadPath("a"), .range(RangeBounds(lt: 100)))]),
            Filter(must: [.field(path, .match(.integer(3)))]),
        ]
        _ = try collection.matches(filters[1])
        collection.indexes.createIndex(path, PayloadFieldSchema(type: .float))
        let keys = collection.indexes.view().missing(for: filters, orders: [path])
        #expect(keys.count == 3)
        collection.build(keys)
        #expect(collection.indexes.view().missing(for: filters, orders: [path]).isEmpty)
        #expect(try collection.evaluate(filters[0]).count == 100)
        #expect(try collection.evaluate(filters[1]).count == 43)
    }

    @Test func pointCounts() throws {
        let collection = try IndexedCollection([
            #"{"v": 1}"#, #"{"v": 1.5}"#, #"{"v": "x"}"#, #"{"v": ["x", 2]}"#, #"{"v": true}"#, #"{"v": null}"#, "{}",
            #"{"v": "2023-02-08"}"#, #"{"v": {"lon": 1, "lat": 2}}"#, #"{"v": "550e8400-e29b-41d4-a716-446655440000"}"#,
            #"{"v": ["", "--"]}"#,
        ])
        collection.delete(0)
        let path = try PayloadPath("v")
        let expected: [PayloadFieldType: Int] = [
            .keyword: 5, .integer: 1, .float: 2, .bool: 1, .uuid: 1, .datetime: 1, .geo: 1, .text: 4,
        ]
        for type in PayloadFieldType.allCases {
            let schema = PayloadFieldSchema(type: type)
            collection.indexes.createIndex(path, schema)
            // Field indexes of the kinds before are still there, some of which serve several.
            if type == .keyword { #expect(try collection.pointCount(path) == nil) }
            collection.build(collection.indexes.view().missing(for: schema, at: path))
            #expect(try collection.pointCount(path) == expected[type], "\(type)")
            #expect(collection.indexes.dropIndex(path))
        }
        #expect(!collection.indexes.dropIndex(path))
        #expect(try collection.pointCount(path) == nil)
    }
}
