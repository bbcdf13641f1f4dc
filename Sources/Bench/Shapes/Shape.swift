import Quantization

/// A kind of data on which recall is compared: how rows and queries are drawn, and in which order the index gets them.
package struct Shape: Sendable {
    /// Rows and queries of most shapes at full size; others are stated in proportion to these.
    package static let usualRows = 50_000
    package static let usualQueries = 500

    package var name: String
    /// What the data are like, in one line.
    package var summary: String
    package var metric: Metric
    package var dimensions: Int
    /// How the index stores its rows.
    package var element = ElementType.float32
    /// Share of the values that the int8 range covers; `nil`: the index's own choice.
    package var quantile: Float?
    /// Results a query.
    package var k = 10
    /// Rows at full size, removed ones included.
    package var rows = usualRows
    /// Queries at full size.
    package var queries = usualQueries
    /// Names of the populations that the queries are from; empty when all are from one.
    package var populations: [String] = []
    /// The figures are for information: no graph of this size is expected to find these neighbours.
    package var isHard = false
    let make: @Sendable (inout ShapeMaker) throws -> ShapeData

    /// Draws the shape. Equal arguments give equal data.
    ///
    /// - Parameters:
    ///   - rows: the rows of a shape of the usual size; this one gets its share, and clusters get fewer in proportion.
    ///   - queries: likewise.
    ///   - seed: of everything random.
    /// - Throws: `BenchError` when there is no room for the rows.
    package func data(rows: Int = usualRows, queries: Int = usualQueries, seed: UInt64) throws -> ShapeData {
        var maker = ShapeMaker(
            shape: self, rowCount: rowCount(rows), queryCount: queryCount(queries), random: ShapeRandom(seed: seed))
        let data = try make(&maker)
        precondition(data.populations.isEmpty == populations.isEmpty, "\(name): populations without names")
        return data
    }

    /// Rows of the base when a shape of the usual size has `rows`.
    package func rowCount(_ rows: Int) -> Int { max(k, rows * self.rows / Self.usualRows) }

    /// Queries when a shape of the usual size has `queries`.
    package func queryCount(_ queries: Int) -> Int { max(1, queries * self.queries / Self.usualQueries) }
}

/// One step of the work that an index gets.
package enum ShapeStep: Sendable, Equatable {
    /// Publishes the rows that weren't yet, up to this number, and waits until all are linked.
    case publish(upTo: Int)
    /// Removes rows.
    case remove([Int])
}

/// The vectors of a shape and what is done with them. Row i takes slot i: rows lie in the order of their publication, and
/// a removed row that comes back is a row of its own.
package struct ShapeData: Sendable {
    package var base: FloatRows
    package var queries: FloatRows
    package var steps: [ShapeStep]
    package var filter: ShapeFilter?
    /// By query: its population's place in `Shape.populations`. Empty when all queries are from one.
    package var populations: [Int]

    /// `steps` is one publication of all rows when it isn't given.
    package init(
        base: FloatRows, queries: FloatRows, steps: [ShapeStep]? = nil, filter: ShapeFilter? = nil,
        populations: [Int] = []
    ) {
        precondition(populations.isEmpty || populations.count == queries.count)
        precondition(filter == nil || filter?.setOfQuery.count == queries.count)
        self.base = base
        self.queries = queries
        self.steps = steps ?? [.publish(upTo: base.count)]
        self.filter = filter
        self.populations = populations
    }

    /// Rows that are published and not removed when all steps are done.
    package var live: RowSet {
        var live = RowSet(bound: base.count)
        var published = 0
        for step in steps {
            switch step {
            case .publish(let end):
                for row in published..<end { live.insert(row) }
                published = end
            case .remove(let rows):
                for row in rows { live.remove(row) }
            }
        }
        return live
    }

    /// Whether a row may be a result of a query: it is live and the filter, if any, allows it.
    package var matches: @Sendable (_ query: Int, _ row: Int) -> Bool {
        let live = live
        guard let filter else { return { _, row in live.contains(row) } }
        return { query, row in live.contains(row) && filter.allows(row, query: query) }
    }
}
