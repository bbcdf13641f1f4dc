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

/// What puts the results of a search in order.
public enum SearchMode: String, Sendable, Hashable, CaseIterable {
    /// Nearness of embeddings.
    case semantic
    /// BM25 of the words that a row has.
    case text
    /// Both, by their ranks.
    case hybrid
}

/// What a search of trends or ideas asks for.
public struct RowSearch<Filter: Sendable>: Sendable {
    /// What embeddings are compared with.
    public var query: SemanticQuery?
    /// What is searched for in words, and by meaning where there is no `query`.
    public var text: String?
    /// Without one a search by `query` is semantic, and one by `text` as well if the server has an embedder.
    public var mode: SearchMode?
    public var filter: Filter
    public var limit = 10
    public var skip = 0
    public var scoreThreshold: Float?

    public init(_ query: SemanticQuery? = nil, _ filter: Filter) {
        self.query = query
        self.filter = filter
    }

    /// How it is answered. Throws where it doesn't say what to search for, or says it twice.
    func mode(hasEmbedder: Bool) throws -> SearchMode {
        let mode = mode ?? (query == nil && text != nil && !hasEmbedder ? .text : .semantic)
        switch mode {
        case .semantic where (query == nil) == (text == nil):
            throw ServiceError.outOfRange("vector", "or `like` or `q` must be given, and one alone")
        case .text where query != nil:
            throw ServiceError.outOfRange(
                "vector", "and `like` say nothing to a search by words; use the mode `hybrid`")
        case .text where text == nil, .hybrid where text == nil: throw ServiceError.outOfRange("q", "is missing")
        default: return mode
        }
    }
}

/// What a search found, and how.
public struct SearchResult<Row: Sendable>: Sendable {
    public var rows: [ScoredRow<Row>]
    public var mode: SearchMode
    /// Of searches by words.
    public var words: SearchedWords?
}

/// What became of a query's words.
public struct SearchedWords: Sendable {
    /// Those that were searched for, and those that rows must not have.
    public var terms: [String]
    public var excluded: [String]
    /// Stop words.
    public var ignored: [String]
    /// Whether every row with one of the words was ranked.
    public var isComplete: Bool
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
