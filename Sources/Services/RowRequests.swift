import Foundation
import TrendStore

/// What a listing of trends or ideas asks for.
public struct RowListing<Filter: Sendable, Order: Sendable>: Sendable {
    public var filter: Filter
    public var order: Order
    public var direction = SortDirection.descending
    public var skip = 0
    public var limit = 50
    public var after: PageCursor?

    public init(_ filter: Filter, by order: Order) {
        self.filter = filter
        self.order = order
    }
}

/// A page of a listing.
public struct RowPage<Row: Sendable>: Sendable {
    public var rows: [Row]
    /// All that match.
    public var total: Int
    /// Where the next page begins; `nil` at the end.
    public var next: PageCursor?

    init(_ page: Page<Row>, total: Int) {
        (rows, next) = (page.rows, page.next)
        self.total = total
    }
}

/// What a semantic search of trends or ideas asks for.
public struct RowSearch<Filter: Sendable>: Sendable {
    public var query: SemanticQuery
    /// A text that is searched for in place of `query`, by the server's embedder.
    public var text: String?
    public var filter: Filter
    public var limit = 10
    public var skip = 0
    public var scoreThreshold: Float?

    public init(_ query: SemanticQuery, _ filter: Filter) {
        self.query = query
        self.filter = filter
    }
}

/// A change of one row.
public struct RowUpdate<Change: Sendable>: Sendable {
    public var id: UUID
    public var change: Change

    public init(id: UUID, change: Change) {
        self.id = id
        self.change = change
    }
}
