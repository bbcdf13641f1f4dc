/// A set of row numbers below a bound; bit `i % 64` of word `i / 64` stands for row i.
package struct RowSet: Sendable {
    private(set) var words: [UInt64]

    /// An empty set with room for rows below `bound`.
    package init(bound: Int) { words = Array(repeating: 0, count: (bound + 63) / 64) }

    package func contains(_ row: Int) -> Bool { words[row >> 6] >> UInt64(row & 63) & 1 == 1 }

    package mutating func insert(_ row: Int) { words[row >> 6] |= 1 << UInt64(row & 63) }

    mutating func remove(_ row: Int) { words[row >> 6] &= ~(1 << UInt64(row & 63)) }

    package var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// The rows of the set, ascending.
    package var rows: [Int] { (0..<words.count * 64).filter(contains) }
}

/// Which rows each query may return. Queries that share a filter share a set.
package struct ShapeFilter: Sendable {
    package var sets: [RowSet]
    /// By query: its place in `sets`.
    package var setOfQuery: [Int]

    package init(sets: [RowSet], setOfQuery: [Int]) {
        precondition(setOfQuery.allSatisfy(sets.indices.contains))
        self.sets = sets
        self.setOfQuery = setOfQuery
    }

    package func allows(_ row: Int, query: Int) -> Bool { sets[setOfQuery[query]].contains(row) }
}
