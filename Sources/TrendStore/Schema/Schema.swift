import GRDB
import SearchEngine

/// The trend store's tables, as `docs/FORMAT-trends.md` describes them.
enum Schema {
    static let formatVersion = 1

    /// Creates the tables where they are missing. Throws `EngineError.storage` for those of a newer program.
    static func prepare(_ db: GRDB.Database) throws {
        try db.execute(sql: "CREATE TABLE IF NOT EXISTS trend_store (format INTEGER NOT NULL) STRICT")
        guard let version = try Int.fetchOne(db, sql: "SELECT format FROM trend_store") else {
            for statement in [trends, trendTags, ideas] { try db.execute(sql: statement) }
            try db.execute(sql: "INSERT INTO trend_store (format) VALUES (?)", arguments: [formatVersion])
            return
        }
        guard version <= formatVersion else {
            throw EngineError.storage(
                "The trend tables have format \(version), which is newer than this program's format \(formatVersion)")
        }
    }

    private static let trends = """
        CREATE TABLE trends (
            id TEXT NOT NULL PRIMARY KEY CHECK (\(isUUID("id"))),
            title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 500),
            description TEXT,
            url TEXT,
            source TEXT NOT NULL CHECK (source IN (\(list(TrendSource.allCases.map(\.rawValue))))),
            category TEXT CHECK (length(category) BETWEEN 1 AND 100),
            tags TEXT NOT NULL DEFAULT '[]' CHECK (\(isJSON("tags", "array"))),
            engagement_score REAL NOT NULL DEFAULT 0 CHECK (engagement_score >= 0 AND engagement_score < 9e999),
            velocity REAL NOT NULL DEFAULT 0 CHECK (abs(velocity) < 9e999),
            discovered_at INTEGER NOT NULL CHECK (\(isStorable("discovered_at"))),
            metadata TEXT NOT NULL DEFAULT '{}' CHECK (\(isJSON("metadata", "object")))
        ) STRICT;
        CREATE INDEX trends_discovered_at ON trends (discovered_at, id);
        CREATE INDEX trends_engagement_score ON trends (engagement_score, id);
        CREATE INDEX trends_velocity ON trends (velocity, id);
        CREATE INDEX trends_source_discovered_at ON trends (source, discovered_at, id);
        CREATE INDEX trends_category_discovered_at ON trends (category, discovered_at, id);
        """

    /// SQLite can't index the elements of an array, so triggers keep them here, one row a tag.
    private static let trendTags = """
        CREATE TABLE trend_tags (
            tag TEXT NOT NULL,
            trend_id TEXT NOT NULL REFERENCES trends(id) ON DELETE CASCADE,
            PRIMARY KEY (tag, trend_id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX trend_tags_trend_id ON trend_tags (trend_id);
        CREATE TRIGGER trends_insert_tags AFTER INSERT ON trends BEGIN
            INSERT OR IGNORE INTO trend_tags (tag, trend_id) SELECT value, new.id FROM json_each(new.tags);
        END;
        CREATE TRIGGER trends_update_tags AFTER UPDATE OF tags ON trends WHEN new.tags <> old.tags BEGIN
            DELETE FROM trend_tags WHERE trend_id = old.id;
            INSERT OR IGNORE INTO trend_tags (tag, trend_id) SELECT value, new.id FROM json_each(new.tags);
        END;
        """

    private static let ideas = """
        CREATE TABLE ideas (
            id TEXT NOT NULL PRIMARY KEY CHECK (\(isUUID("id"))),
            trend_id TEXT NOT NULL REFERENCES trends(id) ON DELETE CASCADE,
            title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 500),
            description TEXT,
        \(IdeaScore.allCases.map { score in
            "    \(score.rawValue) INTEGER NOT NULL CHECK (\(score.rawValue) BETWEEN 0 AND 100),"
        }.joined(separator: "\n"))
            total_score INTEGER NOT NULL
                GENERATED ALWAYS AS ((\(IdeaScore.allCases.map(\.rawValue).joined(separator: " + "))) / 6) STORED,
            analysis TEXT NOT NULL DEFAULT '{}' CHECK (\(isJSON("analysis", "object"))),
            analyzed_at INTEGER NOT NULL CHECK (\(isStorable("analyzed_at"))),
            status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN (\(list(IdeaStatus.allCases.map(\.rawValue)))))
        ) STRICT;
        CREATE INDEX ideas_total_score ON ideas (total_score, id);
        CREATE INDEX ideas_analyzed_at ON ideas (analyzed_at, id);
        CREATE INDEX ideas_status_total_score ON ideas (status, total_score, id);
        CREATE INDEX ideas_status_analyzed_at ON ideas (status, analyzed_at, id);
        CREATE INDEX ideas_trend_id_total_score ON ideas (trend_id, total_score, id);
        """

    private static func isUUID(_ column: String) -> String {
        let groups = [8, 4, 4, 4, 12].map { String(repeating: "[0-9a-f]", count: $0) }
        return "\(column) GLOB '\(groups.joined(separator: "-"))'"
    }

    private static func isJSON(_ column: String, _ type: String) -> String {
        "CASE WHEN json_valid(\(column)) THEN json_type(\(column)) = '\(type)' ELSE 0 END"
    }

    private static func isStorable(_ column: String) -> String {
        let range = Timestamp.storable
        return "\(column) BETWEEN \(range.lowerBound.microseconds) AND \(range.upperBound.microseconds)"
    }

    private static func list(_ values: [String]) -> String { values.map { "'\($0)'" }.joined(separator: ", ") }
}
