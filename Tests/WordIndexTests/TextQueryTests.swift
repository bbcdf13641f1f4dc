import GRDB
import TestSupport
import Testing
import WordIndex

@Suite struct TextQueryTests {
    @Test func wordsPhrasesAndExclusions() {
        let query = TextQuery(#"Solar "plug-in kits" -battery -"lead acid" -e-bike the solar's «панели»"#)
        #expect(query.terms.map(\.text) == ["Solar", "plug-in kits", "панели"])
        #expect(query.excluded.map(\.text) == ["battery", "lead acid", "e-bike"])
        #expect(query.ignored == ["in", "the"])
        #expect(query.plainText == "Solar plug-in kits the solar's «панели»")
        #expect(query.wordCount == 9)
        #expect(query.terms[1].expression == #""plug kits""#)
    }

    @Test(arguments: [
        ("", 0, 0, 0), ("-", 0, 0, 0), ("- solar", 1, 0, 0), ("--solar", 0, 1, 0), ("\"", 0, 0, 0), ("\"\"", 0, 0, 0),
        ("\"solar", 1, 0, 0), ("sol\"ar pan\"el", 3, 0, 0), ("🔥 !?", 0, 0, 0), ("the и", 0, 0, 2), ("-the", 0, 0, 1),
        ("\"of the\"", 0, 0, 2), ("solar SOLAR ｓｏｌａｒ", 1, 0, 0), ("a\u{0}b", 1, 0, 1), ("e-mail", 2, 0, 0),
    ])
    func counts(_ text: String, _ terms: Int, _ excluded: Int, _ ignored: Int) {
        let query = TextQuery(text)
        #expect(query.terms.count == terms && query.excluded.count == excluded && query.ignored.count == ignored)
    }

    /// Whatever is typed, FTS5 takes it, and what is syntax to it is a word or nothing.
    @Test func noSyntaxReachesTheIndex() throws {
        let queue = try DatabaseQueue()
        try queue.write { db in
            TextIndexes.prepare(db)
            try db.execute(sql: "CREATE VIRTUAL TABLE t USING fts5(a, b, tokenize='trendex_words')")
            try db.execute(sql: "INSERT INTO t (a, b) VALUES ('near solar', 'other things')")
            func finds(_ text: String) throws -> Bool {
                try TextQuery(text).terms.contains { term in
                    try Int.fetchOne(db, sql: "SELECT count(*) FROM t WHERE t MATCH ?", arguments: [term.expression])
                        == 1
                }
            }
            for text in [
                "NEAR(solar things)", "sol*", "a:solar", "a : solar", "^solar", "solar AND", "solar OR", "{a b}: solar",
                "(solar",
                "solar + things", "solar'; DROP TABLE t; --", "\"solar\" *", "solar \\ \"", "NOT solar",
            ] {
                #expect(try finds(text) == (text != "sol*"), "\(text)")
            }
            #expect(try !finds("b:near") == false)
            var generator = SeededGenerator("noSyntaxReachesTheIndex")
            let alphabet = Array("\"'*():^+-{}\\\0 aбAND OR NOT NEAR🔥é,;%_[]").map { String($0) }
            for _ in 0..<2_000 {
                let text = (0..<20).map { _ in generator.pick(alphabet) }.joined()
                let query = TextQuery(text)
                for term in query.terms + query.excluded {
                    _ = try Int.fetchOne(
                        db, sql: "SELECT count(*) FROM t WHERE t MATCH ?", arguments: [term.expression])
                }
            }
        }
    }
}
