import JSON
import SearchEngine
import Testing

/// What `match` takes for equal though it is written otherwise. The answers are those of Qdrant's indexes, and here they
/// hold with any index and without.
@Suite struct EqualValuesTests {
    private static let id = "936da01f-9abd-4d9d-80c7-02af85c822a8"
    private static let digits = "936da01f9abd4d9d80c702af85c822a8"
    private static let spellings = [id, id.uppercased(), digits, "urn:uuid:\(id)", "URN:UUID:\(id)", "{\(id)}"]
    private static let others = ["{\(digits)}", "urn:uuid:\(digits)", " \(id)", "(\(id))", String(id.dropLast())]

    @Test(arguments: [nil, PayloadFieldType.uuid, .keyword])
    func spellingsOfOneUUID(_ index: PayloadFieldType?) throws {
        let collection = IndexedCollection()
        let path = try PayloadPath("u")
        if let index { collection.indexes.createIndex(path, PayloadFieldSchema(type: index)) }
        for text in Self.spellings + Self.others { collection.append(["u": .string(text)]) }
        collection.append(["u": [.string(Self.digits), .string(Self.id)]])
        collection.append(["u": [.string(Self.digits), "x"]])
        let equal = Array(0..<Self.spellings.count)
        let count = Self.spellings.count + Self.others.count
        for text in Self.spellings {
            let keyword = Keyword(text)
            for (predicate, expected) in [
                (.match(.keyword(keyword)), equal + [count, count + 1]),
                (.matchAny(.keywords([keyword, "nothing"])), equal + [count, count + 1]),
                (.matchExcept(.keywords([keyword])), Array(Self.spellings.count..<count) + [count + 1]),
            ] as [(FieldPredicate, [Int])] {
                let filter = Filter(must: [.field(path, predicate)])
                #expect(try collection.matches(filter) == expected, "\(text)")
                #expect(collection.naiveMatches(filter) == expected, "\(text)")
            }
        }
        if index == .uuid { #expect(try collection.pointCount(path) == Self.spellings.count + 2) }
    }

    @Test(arguments: [nil, PayloadFieldType.integer, .float])
    func integersAndIntegralFloats(_ index: PayloadFieldType?) throws {
        let collection = try IndexedCollection([
            #"{"n": 1}"#, #"{"n": 1.0}"#, #"{"n": 1.5}"#, #"{"n": [1.0, 3]}"#, #"{"n": [1, 1.0]}"#, #"{"n": -0.0}"#,
            #"{"n": 9007199254740993}"#, #"{"n": 9007199254740992.0}"#, #"{"n": "1"}"#, #"{"n": true}"#,
            #"{"n": 1e300}"#, #"{"n": 18446744073709551615}"#,
        ])
        let path = try PayloadPath("n")
        if let index { collection.indexes.createIndex(path, PayloadFieldSchema(type: index)) }
        for (predicate, expected) in [
            (.match(.integer(1)), [0, 1, 3, 4]), (.match(.integer(0)), [5]),
            (.matchAny(.integers([1, 3])), [0, 1, 3, 4]),
            (.match(.integer(9_007_199_254_740_992)), [7]), (.match(.integer(9_007_199_254_740_993)), [6]),
            (.matchExcept(.integers([1])), [2, 3, 5, 6, 7, 8, 9, 10, 11]),
            (.matchExcept(.integers([1, 3])), [2, 5, 6, 7, 8, 9, 10, 11]),
        ] as [(FieldPredicate, [Int])] {
            let filter = Filter(must: [.field(path, predicate)])
            #expect(try collection.matches(filter) == expected, "\(predicate)")
            #expect(collection.naiveMatches(filter) == expected, "\(predicate)")
        }
        if index == .integer {
            _ = collection.build(collection.indexes.view().missing(for: PayloadFieldSchema(type: .integer), at: path))
            #expect(try collection.pointCount(path) == 7)
        }
    }
}
