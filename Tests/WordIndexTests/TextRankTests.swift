import Foundation
import GRDB
import Testing
import WordIndex

/// Scores against the formula, worked out by hand.
@Suite struct TextRankTests {
    private func score(_ expression: String, _ weights: [Double], _ frequencies: [Double]) throws -> [Double?] {
        let queue = try DatabaseQueue()
        return try queue.write { db in
            TextIndexes.prepare(db)
            try db.execute(sql: "CREATE VIRTUAL TABLE t USING fts5(a, b, tokenize='trendex_words')")
            for (a, b) in [("solar", "solar panel kit"), ("wind", "solar"), ("rain rain", "wind"), ("snow", "frost")] {
                try db.execute(sql: "INSERT INTO t (a, b) VALUES (?, ?)", arguments: [a, b])
            }
            return try Row.fetchAll(
                db, sql: "SELECT trendex_rank(t, ?) FROM t WHERE t MATCH ? ORDER BY rowid",
                arguments: [TextRank.parameters(weights: weights, frequencies: frequencies), expression]
            ).map { $0[0] }
        }
    }

    /// 11 words in 4 rows: the mean is 2.75.
    private func bm25(_ occurrences: Double, _ words: Double, _ frequency: Double) -> Double {
        log(1 + (4 - frequency + 0.5) / (frequency + 0.5)) * occurrences * 2.2
            / (occurrences + 1.2 * (0.25 + 0.75 * words / 2.75))
    }

    @Test func scoresFollowTheFormula() throws {
        let scores = try score(#""solar""#, [4, 1], [2])
        #expect(scores.count == 2)
        #expect(abs(scores[0]! - bm25(5, 4, 2)) < 1e-12 && abs(scores[1]! - bm25(1, 2, 2)) < 1e-12)
        let both = try score(#""solar" OR "wind""#, [4, 1], [2, 2])
        #expect(abs(both[1]! - bm25(1, 2, 2) - bm25(4, 2, 2)) < 1e-12)
        // A phrase counts as one word.
        #expect(abs(try score(#""solar panel""#, [4, 1], [1])[0]! - bm25(1, 4, 1)) < 1e-12)
        // What is in more rows than there are is in all of them.
        #expect(try score(#""solar""#, [4, 1], [1e9])[0]! > 0)
    }

    @Test func wrongParametersAreRefused() throws {
        #expect(throws: DatabaseError.self) { try score(#""solar""#, [4], [2]) }
        #expect(throws: DatabaseError.self) { try score(#""solar""#, [4, 1], [2, 2]) }
        #expect(throws: DatabaseError.self) { try score(#""solar""#, [], []) }
    }
}
