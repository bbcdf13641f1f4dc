import JSON

/// Names a field index: one way in which payloads are indexed.
package enum FieldIndexKey: Hashable, Sendable {
    case keywords(PayloadPath)
    case integers(PayloadPath)
    case bools(PayloadPath)
    /// Integers and floats by value: ranges and order.
    case numbers(PayloadPath)
    case datetimes(PayloadPath)
    case geo(PayloadPath)
    case text(PayloadPath, TextSettings)
    /// Whether, and how many, values there are.
    case presence(PayloadPath)
    /// The points that fulfil a condition which no other field index answers.
    case predicate(Condition)

    /// `nil` for a predicate, which looks at the whole payload.
    var path: PayloadPath? {
        switch self {
        case .keywords(let path), .integers(let path), .bools(let path), .numbers(let path), .datetimes(let path),
            .geo(let path), .text(let path, _), .presence(let path):
            path
        case .predicate: nil
        }
    }

    /// The payload key that it belongs to; a predicate's is that of the nested objects.
    var indexedKey: String {
        if case .predicate(.nested(let path, _)) = self { path.text } else { path?.text ?? "" }
    }

    /// - Parameter isDeclared: whether it belongs to an index that somebody declared; points are ordered by no others.
    func makeIndex(isDeclared: Bool) -> any FieldIndex {
        switch self {
        case .keywords: KeywordIndex()
        case .integers: IntegerIndex()
        case .bools: BoolIndex()
        case .numbers: NumberIndex(isOrder: isDeclared)
        case .datetimes: DatetimeIndex(isOrder: isDeclared)
        case .geo: GeoIndex()
        case .text(_, let settings): TextIndex(settings)
        case .presence: PresenceIndex()
        case .predicate(let condition): PredicateIndex(condition)
        }
    }
}

/// An index over all payloads of a collection under one aspect.
///
/// A field index is a function of the pairs (slot, payload) that it holds: removing a pair that it doesn't hold changes
/// nothing, which lets a builder replay writes without knowing which of them its scan has seen.
protocol FieldIndex: AnyObject {
    func insert(_ slot: UInt32, _ view: PayloadView)
    func remove(_ slot: UInt32, _ view: PayloadView)
    /// Brings what was inserted into its final order; inserting stays possible.
    func finish()
    var residentBytes: Int { get }
}

extension FieldIndex {
    func finish() {}
}

/// Values that points can be ordered by.
protocol OrderIndex: FieldIndex {
    var values: OrderedValues { get set }

    /// Calls `body` with one entry for each different value.
    func forEachEntry(_ slot: UInt32, _ view: PayloadView, _ body: (SortedSlots.Entry) -> Void)
}

extension OrderIndex {
    func insert(_ slot: UInt32, _ view: PayloadView) { forEachEntry(slot, view) { values.insert($0) } }
    func remove(_ slot: UInt32, _ view: PayloadView) { forEachEntry(slot, view) { values.remove($0) } }
    func finish() { values.finish() }
    var residentBytes: Int { values.allocatedBytes }
}

/// A payload, and its values at the path of the field index that looks at it.
struct PayloadView {
    var payload: JSONValue
    var values: PathValues
}

/// Which field indexes a filter needs.
struct FieldIndexKeyCollector {
    let textSettings: (PayloadPath) -> TextSettings
    private(set) var keys: [FieldIndexKey] = []
    private var seen: Set<FieldIndexKey> = []

    init(textSettings: @escaping (PayloadPath) -> TextSettings) { self.textSettings = textSettings }

    private mutating func add(_ key: FieldIndexKey) {
        if seen.insert(key).inserted { keys.append(key) }
    }

    mutating func collect(_ filter: Filter) {
        for condition in filter.conditions { collect(condition) }
    }

    mutating func collect(_ condition: Condition) {
        switch condition {
        case .field(let path, let predicate): collect(path, predicate)
        case .isEmpty(let path), .isNull(let path): add(.presence(path))
        case .hasID, .hasVector: break
        case .nested: add(.predicate(condition))
        case .filter(let filter): collect(filter)
        }
    }

    private mutating func collect(_ path: PayloadPath, _ predicate: FieldPredicate) {
        switch predicate {
        case .match(.keyword), .matchAny(.keywords): add(.keywords(path))
        case .match(.integer), .matchAny(.integers): add(.integers(path))
        case .match(.bool): add(.bools(path))
        case .matchExcept(let set):
            switch set {
            case .keywords: add(.keywords(path))
            case .integers: add(.integers(path))
            }
            add(.presence(path))
        case .matchText, .matchTextAny, .matchPhrase: add(.text(path, textSettings(path)))
        case .range: add(.numbers(path))
        case .datetimeRange: add(.datetimes(path))
        case .geoBoundingBox, .geoRadius, .geoPolygon: add(.geo(path))
        case .valuesCount, .isEmpty, .isNull: add(.presence(path))
        }
    }
}

extension PayloadFieldSchema {
    /// The field indexes that a payload index consists of.
    func fieldIndexKeys(_ path: PayloadPath) -> [FieldIndexKey] {
        switch type {
        case .keyword, .uuid: [.keywords(path)]
        case .integer: (lookup || !range ? [.integers(path)] : []) + (range ? [.numbers(path)] : [])
        case .float: [.numbers(path)]
        case .bool: [.bools(path)]
        case .datetime: [.datetimes(path)]
        case .geo: [.geo(path)]
        case .text: [.text(path, TextSettings(self))]
        }
    }
}
