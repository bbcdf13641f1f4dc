import Foundation
import GRDB
import SearchEngine
import WordIndex

/// Ranks the rows that have one of a query's terms by BM25, in one snapshot.
///
/// To score every row that has a common word would cost as much as there are rows. So a term that is in more than 10,000 rows counts as
/// common, and rows are found by the rare terms (as in Lucene's `CommonTermsQuery`); the common ones add to the scores of what is found. Where
/// the rare terms find few, the newest 10,000 rows with a common term are ranked with the others.
struct TextRanking<F: RowFilter> where F.Stored: TextIndexedRow {
    struct Found {
        var rowID: Int64
        var score: Double
    }

    /// Rows of a rare term at most, and rows with common terms that are looked at.
    private var mostRows: Int { TextRankingLimits.mostRows }
    /// Rows of all rare terms together.
    private var mostRareRows: Int { 2 * mostRows }
    /// With so many rows found by rare terms, common ones need find none.
    private var enough: Int { 1_000 }
    /// Rows between two looks at the clock.
    private let pace = 1_024

    private typealias Counted = (term: TextQuery.Term, rows: Double)

    let filter: F
    let excluded: [TextQuery.Term]
    let db: GRDB.Database
    let deadline: ContinuousClock.Instant?
    private var rare: [Counted] = []
    private var common: [Counted] = []

    init(_ query: TextQuery, _ filter: F, _ db: GRDB.Database, deadline: ContinuousClock.Instant?) throws {
        self.filter = filter
        self.db = db
        self.deadline = deadline
        excluded = query.excluded
        let counted = try query.terms.map { ($0, try rowCount(of: $0)) as Counted }.filter { $0.rows > 0 }
        var rows = 0.0
        for term in counted.sorted(by: { $0.rows < $1.rows }) {
            rows += term.rows
            if term.rows <= Double(mostRows), rows <= Double(mostRareRows) {
                rare.append(term)
            } else {
                common.append(term)
            }
        }
    }

    /// The rows that match the filter, best first, of equal ones the newer first; and whether every row with one of the terms was
    /// looked at.
    ///
    /// Throws `EngineError.timeout` once the deadline has passed. Complexity: O(rows of rare terms, 20,000 at most, + 10,000).
    func ranked() throws -> (rows: [Found], isComplete: Bool) {
        var scores: [Int64: Double] = [:]
        if !rare.isEmpty {
            _ = try scan(any(rare), rare, into: &scores)
            // Once more what has common terms as well, whose scores are of all terms.
            if !common.isEmpty { _ = try scan("\(any(common)) AND \(any(rare))", common + rare, into: &scores) }
        }
        var isComplete = true
        if !common.isEmpty {
            isComplete = false
            if scores.count < enough {
                let looked = try scan(any(common), common, without: rare, limit: mostRows, into: &scores)
                isComplete = looked < mostRows
            }
        }
        let rows = scores.map { Found(rowID: $0.key, score: $0.value) }
            .sorted { ($0.score, $0.rowID) > ($1.score, $1.rowID) }
        return (rows, isComplete)
    }

    /// In how many rows a term is. Beyond 10,000 it is reckoned from how far back the newest 10,000 of them reach.
    private func rowCount(of term: TextQuery.Term) throws -> Double {
        let table = F.Stored.textTable
        let row = try Row.fetchOne(
            db.cachedStatement(
                sql: """
                    SELECT count(*), min(rowid), (SELECT max(rowid) FROM \(F.Stored.table))
                    FROM (SELECT rowid FROM \(table) WHERE \(table) MATCH ? ORDER BY rowid DESC LIMIT ?)
                    """), arguments: [term.expression, mostRows + 1])
        guard let row, let count = row[0] as Int?, let oldest = row[1] as Int64?, let newest = row[2] as Int64? else {
            return 0
        }
        guard count > mostRows else { return Double(count) }
        return Double(count) * Double(newest) / Double(max(newest - oldest, 1))
    }

    private func any(_ terms: [Counted]) -> String { Self.any(terms.map(\.term)) }

    private static func any(_ terms: [TextQuery.Term]) -> String {
        "(\(terms.map(\.expression).joined(separator: " OR ")))"
    }

    /// Scores the rows of an expression that match the filter, newest first. Returns how many rows the expression had.
    ///
    /// - Parameters:
    ///   - terms: those of the expression, in its order.
    ///   - without: whose rows are left out, besides those with excluded terms.
    private func scan(
        _ expression: String, _ terms: [Counted], without: [Counted] = [], limit: Int = .max,
        into scores: inout [Int64: Double]
    ) throws -> Int {
        let leftOut = without.map(\.term) + excluded
        let expression = leftOut.isEmpty ? expression : "(\(expression)) NOT \(Self.any(leftOut))"
        let parameters = TextRank.parameters(
            weights: F.Stored.textColumns.map(\.weight), frequencies: terms.map(\.rows) + leftOut.map { _ in 1 })
        let (table, rows) = (F.Stored.textTable, F.Stored.table)
        let (condition, arguments) = filter.sql
        let isFiltered = !filter.terms.isEmpty
        let rank = "\(TextRank.name)(\(table), ?)"
        let sql = """
            SELECT \(table).rowid, \(isFiltered ? "CASE WHEN \(condition) THEN \(rank) END" : rank)
            FROM \(table)\(isFiltered ? " CROSS JOIN \(rows) ON \(rows).rowid = \(table).rowid" : "")
            WHERE \(table) MATCH ? ORDER BY \(table).rowid DESC LIMIT ?
            """
        let found = try Row.fetchCursor(
            db, sql: sql, arguments: StatementArguments(arguments + [parameters, expression, limit]))
        var looked = 0
        while let row = try found.next() {
            looked += 1
            if let score = row[1] as Double? { scores[row[0]] = score }
            if looked % pace == 0, let deadline, .now > deadline {
                throw timedOut("Search")
            }
        }
        return looked
    }
}

package enum TextRankingLimits {
    /// A measurement (docs/PERFORMANCE.md): some 20 ms of work.
    package static let mostRows = 10_000
}
