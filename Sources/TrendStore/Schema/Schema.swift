import GRDB
import SearchEngine

/// The trend store's tables, as `docs/FORMAT-trends.md` describes them. A storage of an earlier format is taken through the
/// migrations that it lacks, one after the other, in the transaction that opens the store.
enum Schema {
    static var formatVersion: Int { migrations.count }

    /// The format that changed the payloads of points last.
    private static let payloadFormat = 2

    /// That of place n makes format n + 1 of format n.
    private static let migrations: [[String]] = [
        [trends, trendTags, ideas],
        [embeddingStatus, observations, collections],
        [businesses, jobs, agentExecutions, schedules, events, fingerprints, counters, models],
        [textIndexes],
    ]

    /// Brings the tables to this program's format. Throws `EngineError.storage` for those of a newer program.
    static func prepare(_ db: GRDB.Database) throws {
        try db.execute(sql: "CREATE TABLE IF NOT EXISTS trend_store (format INTEGER NOT NULL) STRICT")
        let version = try Int.fetchOne(db, sql: "SELECT format FROM trend_store")
        let format = version ?? 0
        try requireKnown(format)
        if format < formatVersion {
            for statements in migrations[format...] { for statement in statements { try db.execute(sql: statement) } }
            if version == nil { try db.execute(sql: "INSERT INTO trend_store (format) VALUES (0)") }
            try db.execute(sql: "UPDATE trend_store SET format = ?", arguments: [formatVersion])
        }
        try prepareTextIndexes(db)
    }

    /// The format of a storage's tables; `nil` where no store has ever been. Throws as `prepare`. Changes nothing.
    static func format(_ db: GRDB.Database) throws -> Int? {
        guard try db.tableExists("trend_store"),
            let format = try Int.fetchOne(db, sql: "SELECT format FROM trend_store")
        else { return nil }
        try requireKnown(format)
        return format
    }

    private static func requireKnown(_ format: Int) throws {
        guard 0...formatVersion ~= format else {
            throw EngineError.storage(
                "The trend tables have format \(format), which is newer than this program's format \(formatVersion)")
        }
    }

    /// The number of the collection of this name that is the store's; `nil` if there is none. Changes nothing.
    static func keptCollection(_ name: String, _ db: GRDB.Database) throws -> Int64? {
        try Int64.fetchOne(
            db,
            sql: """
                SELECT kept.collection FROM trend_store_collections AS kept
                JOIN collections ON collections.id = kept.collection AND collections.name = kept.name WHERE kept.name = ?
                """, arguments: [name])
    }

    /// The store's collections that there are. Rows of one that was dropped behind the store's back have no vectors any more.
    static func keptCollections(_ db: GRDB.Database) throws -> Set<String> {
        let gone = try String.fetchAll(
            db,
            sql: """
                DELETE FROM trend_store_collections
                WHERE NOT EXISTS (SELECT 1 FROM collections AS c WHERE c.id = collection AND c.name = trend_store_collections.name)
                RETURNING name
                """)
        for table in gone { try db.execute(sql: "UPDATE \(table) SET embedding_status = 'missing'") }
        return try String.fetchSet(db, sql: "SELECT name FROM trend_store_collections")
    }

    /// Removes what an interrupted restore has read.
    static func removeStaged(_ db: GRDB.Database) throws {
        for table in [Trend.table, Idea.table].flatMap(ArchivedRows.tables) {
            try db.execute(sql: "DROP TABLE IF EXISTS \(table.staging)")
        }
    }

    /// Whether the payloads of points have the keys that this format gives them.
    static func isMirrored(_ db: GRDB.Database) throws -> Bool {
        let mirrored = try Int.fetchOne(db, sql: "SELECT mirrored FROM trend_store")
        if mirrored == payloadFormat { return true }
        guard try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM trends)") == true else {
            try setMirrored(db)
            return true
        }
        return false
    }

    static func setMirrored(_ db: GRDB.Database) throws {
        try db.execute(sql: "UPDATE trend_store SET mirrored = ?", arguments: [payloadFormat])
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

    /// In format 1 no row was without an embedding. `mirrored` is the format whose payloads the points have.
    private static let embeddingStatus = """
        ALTER TABLE trend_store ADD COLUMN mirrored INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE trends ADD COLUMN stage TEXT NOT NULL DEFAULT 'new'
            CHECK (stage IN (\(list(TrendStage.allCases.map(\.rawValue)))));
        CREATE INDEX trends_stage_discovered_at ON trends (stage, discovered_at, id);
        \(["trends", "ideas"].map { table in
            """
            ALTER TABLE \(table) ADD COLUMN embedding_status TEXT NOT NULL DEFAULT 'missing'
                CHECK (embedding_status IN (\(list(EmbeddingStatus.allCases.map(\.rawValue)))));
            UPDATE \(table) SET embedding_status = 'current';
            """
        }.joined(separator: "\n"))
        CREATE INDEX trends_needing_embedding ON trends (discovered_at, id) WHERE embedding_status <> 'current';
        CREATE INDEX ideas_needing_embedding ON ideas (analyzed_at, id) WHERE embedding_status <> 'current';
        """

    private static let observations = """
        CREATE TABLE observations (
            id INTEGER PRIMARY KEY,
            trend_id TEXT NOT NULL REFERENCES trends(id) ON DELETE CASCADE,
            observed_at INTEGER NOT NULL CHECK (\(isStorable("observed_at"))),
            engagement_score REAL NOT NULL CHECK (engagement_score >= 0 AND engagement_score < 9e999),
            url TEXT,
            source TEXT NOT NULL CHECK (source IN (\(list(TrendSource.allCases.map(\.rawValue)))))
        ) STRICT;
        CREATE INDEX observations_trend_id ON observations (trend_id, observed_at, id, engagement_score);
        INSERT INTO observations (trend_id, observed_at, engagement_score, url, source)
            SELECT id, discovered_at, engagement_score, url, source FROM trends;
        """

    /// A store of format 1 made its collections with the first row.
    private static let collections = """
        CREATE TABLE trend_store_collections (
            name TEXT NOT NULL PRIMARY KEY CHECK (name IN ('trends', 'ideas')),
            collection INTEGER NOT NULL
        ) STRICT;
        INSERT INTO trend_store_collections (name, collection)
            SELECT name, id FROM collections
            WHERE name IN ('trends', 'ideas') AND EXISTS (SELECT 1 FROM trends);
        """

    static func isUUID(_ column: String) -> String {
        let groups = [8, 4, 4, 4, 12].map { String(repeating: "[0-9a-f]", count: $0) }
        return "\(column) GLOB '\(groups.joined(separator: "-"))'"
    }

    static func isJSON(_ column: String, _ type: String) -> String {
        "CASE WHEN json_valid(\(column)) THEN json_type(\(column)) = '\(type)' ELSE 0 END"
    }

    static func isStorable(_ column: String) -> String {
        let range = Timestamp.storable
        return "\(column) BETWEEN \(range.lowerBound.microseconds) AND \(range.upperBound.microseconds)"
    }

    static func list(_ values: [String]) -> String { values.map { "'\($0)'" }.joined(separator: ", ") }
}
