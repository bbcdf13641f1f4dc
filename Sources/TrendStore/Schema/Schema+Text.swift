import GRDB
import WordIndex

/// The tables of format 4: the text indexes of trends and ideas.
///
/// They are contentless tables of FTS5: the texts stand in the rows alone. (External content would need a view of the tags, which FTS5 can't
/// read: it prepares its statements without virtual tables, `json_each` among them.) Triggers write to it in the statement that writes the
/// row; a deletion tells FTS5 the old texts, since SQLite 3.40 has no `contentless_delete`.
/// Positions are kept (`detail=full`), without which phrases can't be found.
extension Schema {
    static let textIndexes =
        "ALTER TABLE trend_store ADD COLUMN text_analysis TEXT;\n" + textIndex(of: Trend.self)
        + textIndex(of: Idea.self)

    private static func textIndex<R: TextIndexedRow>(of _: R.Type) -> String {
        let names = R.textColumns.map(\.name).joined(separator: ", ")
        func texts(_ table: String) -> String { R.textColumns.map { $0.sql(table) }.joined(separator: ", ") }
        let delete = """
            INSERT INTO \(R.textTable) (\(R.textTable), rowid, \(names)) VALUES ('delete', old.rowid, \(texts("old.")))
            """
        let insert = "INSERT INTO \(R.textTable) (rowid, \(names)) VALUES (new.rowid, \(texts("new.")))"
        let changed = R.textColumns.map { "new.\($0.name) IS NOT old.\($0.name)" }.joined(separator: " OR ")
        return """
            CREATE VIRTUAL TABLE \(R.textTable) USING fts5(
                \(names), content='', tokenize='\(WordTokenizer.name)');
            INSERT INTO \(R.textTable) (\(R.textTable), rank) VALUES ('automerge', \(segmentsMerged));
            CREATE VIRTUAL TABLE \(R.textTermsTable) USING fts5vocab(\(R.textTable), 'instance');
            CREATE TRIGGER \(R.table)_insert_text AFTER INSERT ON \(R.table) BEGIN
                \(insert);
            END;
            CREATE TRIGGER \(R.table)_delete_text AFTER DELETE ON \(R.table) BEGIN
                \(delete);
            END;
            CREATE TRIGGER \(R.table)_update_text AFTER UPDATE OF \(names) ON \(R.table) WHEN \(changed) BEGIN
                \(delete);
                \(insert);
            END;

            """
    }

    /// How many segments of a level are merged into one. FTS5's own 4 costs the writer 10 µs a row more (docs/PERFORMANCE.md).
    private static let segmentsMerged = 8

    /// Makes the text indexes anew where they are of another analysis: of an earlier program, of other stemmers, or of none.
    static func prepareTextIndexes(_ db: GRDB.Database) throws {
        guard try !hasCurrentAnalysis(db) else { return }
        try rebuildTextIndex(of: Trend.self, db)
        try rebuildTextIndex(of: Idea.self, db)
        try db.execute(sql: "UPDATE trend_store SET text_analysis = ?", arguments: [WordAnalyzer.fingerprint])
    }

    static func hasCurrentAnalysis(_ db: GRDB.Database) throws -> Bool {
        try String.fetchOne(db, sql: "SELECT text_analysis FROM trend_store") == WordAnalyzer.fingerprint
    }

    /// Whatever state the index is in. Complexity: O(rows), about 30 µs each.
    static func rebuildTextIndex<R: TextIndexedRow>(of _: R.Type, _ db: GRDB.Database) throws {
        let names = R.textColumns.map(\.name).joined(separator: ", ")
        let texts = R.textColumns.map { $0.sql("") }.joined(separator: ", ")
        try db.execute(
            sql: """
                INSERT INTO \(R.textTable) (\(R.textTable)) VALUES ('delete-all');
                INSERT INTO \(R.textTable) (rowid, \(names)) SELECT rowid, \(texts) FROM \(R.table) ORDER BY rowid;
                """)
    }
}
