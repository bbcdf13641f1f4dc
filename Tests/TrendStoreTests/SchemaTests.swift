import Foundation
import GRDB
import SearchEngine
import TestSupport
import Testing
import TrendStore
import WordIndex

/// The tables keep their promises also to whoever writes SQL of their own.
@Suite struct SchemaTests {
    static let id = "00000000-0000-4000-8000-000000000001"
    static let goodTrend: [(column: String, sql: String)] = [
        ("id", "'\(id)'"), ("title", "'T'"), ("source", "'vk'"), ("tags", "'[\"a\",\"b\"]'"),
        ("engagement_score", "1.5"), ("velocity", "-2"), ("discovered_at", "0"), ("metadata", "'{}'"),
    ]
    static let goodIdea: [(column: String, sql: String)] =
        [("id", "'\(id)'"), ("trend_id", "'\(id)'"), ("title", "'I'")]
        + IdeaScore.allCases.map { ($0.rawValue, "100") }
        + [("analysis", "'{}'"), ("analyzed_at", "0"), ("status", "'pending'")]

    private func insert(_ table: String, _ row: [(column: String, sql: String)], _ store: TrendStore) throws {
        let columns = row.map(\.column).joined(separator: ", ")
        let values = row.map(\.sql).joined(separator: ", ")
        try store.engine.write {
            try $0.database.execute(sql: "INSERT INTO \(table) (\(columns)) VALUES (\(values))")
        }
    }

    private func replacing(_ column: String, _ sql: String, in row: [(column: String, sql: String)]) -> [(
        column: String, sql: String
    )] { row.map { $0.column == column ? (column, sql) : $0 } }

    @Test func constraintsOfTrends() throws {
        let storage = try Storage()
        let bad = [
            ("id", "'x'"), ("id", "NULL"), ("id", "'00000000-0000-4000-8000-00000000000A'"), ("id", "1"),
            ("title", "''"), ("title", "NULL"), ("title", "printf('%501c', 'x')"), ("source", "'twitter'"),
            ("source", "NULL"), ("tags", "'{}'"), ("tags", "'['"), ("tags", "NULL"), ("engagement_score", "-0.1"),
            ("engagement_score", "9e999"), ("engagement_score", "'x'"), ("velocity", "9e999"), ("velocity", "-9e999"),
            ("velocity", "NULL"), ("discovered_at", "'soon'"), ("discovered_at", "253402300800000000"),
            ("discovered_at", "1.5"), ("metadata", "'[]'"), ("metadata", "'x'"), ("metadata", "NULL"),
        ]
        for (column, sql) in bad {
            #expect(throws: EngineError.self, "\(column) = \(sql)") {
                try insert("trends", replacing(column, sql, in: Self.goodTrend), storage.store)
            }
        }
        try insert("trends", Self.goodTrend, storage.store)
        #expect(throws: EngineError.self) { try insert("trends", Self.goodTrend, storage.store) }
        #expect(try storage.store.allTrends().map(\.tags) == [["a", "b"]])
    }

    @Test func constraintsOfIdeas() throws {
        let storage = try Storage()
        try insert("trends", Self.goodTrend, storage.store)
        var bad = [
            ("id", "'x'"), ("trend_id", "'00000000-0000-4000-8000-000000000002'"), ("trend_id", "NULL"),
            ("title", "''"), ("title", "printf('%501c', 'x')"), ("analysis", "'[]'"), ("analysis", "'{'"),
            ("status", "'done'"), ("status", "NULL"), ("analyzed_at", "NULL"), ("analyzed_at", "9223372036854775807"),
        ]
        for score in IdeaScore.allCases {
            bad += ["-1", "101", "NULL", "0.5", "'x'"].map { (score.rawValue, $0) }
        }
        for (column, sql) in bad {
            #expect(throws: EngineError.self, "\(column) = \(sql)") {
                try insert("ideas", replacing(column, sql, in: Self.goodIdea), storage.store)
            }
        }
        #expect(throws: EngineError.self) {
            try insert("ideas", Self.goodIdea + [("total_score", "50")], storage.store)
        }
        try insert("ideas", Self.goodIdea, storage.store)
        #expect(try storage.store.allIdeas().map(\.totalScore) == [100])
    }

    @Test func tablesAreStrict() throws {
        let storage = try Storage()
        let strict = try storage.engine.read { db in
            try String.fetchSet(db, sql: "SELECT name FROM pragma_table_list WHERE strict AND schema = 'main'")
        }
        #expect(strict.isSuperset(of: ["trends", "ideas", "trend_tags", "observations"]))
    }

    /// The stored total is the integer mean, for the extremes and at random.
    @Test func totalScoreIsTheIntegerMean() throws {
        var generator = SeededGenerator("totalScoreIsTheIntegerMean")
        let storage = try Storage()
        let store = storage.store
        let trend = try store.createTrend(Trend(title: "T", source: .vk), embedding: axis(0))
        for round in 0..<60 {
            var idea = Idea(trendID: trend.id, title: "I", scores: someScores)
            for score in IdeaScore.allCases {
                idea.scores[score] = round == 0 ? 0 : round == 1 ? 100 : .random(in: 0...100, using: &generator)
            }
            try store.createIdea(idea, embedding: axis(0))
            if round % 2 == 1 {
                idea.scores.demand = .random(in: 0...100, using: &generator)
                try store.updateIdea(idea.id) { $0.scores = idea.scores }
            }
            let stored = try storage.engine.read { [id = idea.id] db in
                try Int.fetchOne(
                    db, sql: "SELECT total_score FROM ideas WHERE id = ?", arguments: [id.uuidString.lowercased()])
            }
            let expected = IdeaScore.allCases.map { idea.scores[$0] }.reduce(0, +) / 6
            #expect(stored == expected && idea.totalScore == expected)
            #expect(try store.payload(idea.id, in: "ideas")?["total_score"]?.integerValue == Int64(expected))
        }
    }

    @Test func sqlDeletionCascades() throws {
        let storage = try Storage()
        try insert("trends", Self.goodTrend, storage.store)
        try insert("ideas", Self.goodIdea, storage.store)
        try storage.engine.write { try $0.database.execute(sql: "DELETE FROM trends") }
        let left = try storage.engine.read { db in
            try Int.fetchOne(db, sql: "SELECT (SELECT count(*) FROM ideas) + (SELECT count(*) FROM trend_tags)")
        }
        #expect(left == 0)
    }

    /// Each listing without other filters walks an index in its order, and doesn't sort.
    @Test func listingsUseIndexes() throws {
        let storage = try Storage()
        let listings = [
            ("trends", "1", "discovered_at"), ("trends", "1", "engagement_score"), ("trends", "1", "velocity"),
            ("trends", "source = 'vk'", "discovered_at"), ("trends", "category = 'a'", "discovered_at"),
            ("trends", "stage = 'new'", "discovered_at"), ("trends", "embedding_status <> 'current'", "discovered_at"),
            ("ideas", "1", "total_score"), ("ideas", "1", "analyzed_at"),
            ("ideas", "status = 'pending'", "total_score"),
            ("ideas", "status = 'pending'", "analyzed_at"), ("ideas", "trend_id = 'a'", "total_score"),
        ]
        for (table, condition, order) in listings {
            for place in ["", " AND (\(order), id) < (5, 'a')"] {
                let plan = try storage.engine.read { db in
                    try Row.fetchAll(
                        db,
                        sql: """
                            EXPLAIN QUERY PLAN SELECT * FROM \(table) WHERE \(condition)\(place)
                            ORDER BY \(order) DESC, id DESC LIMIT 51
                            """
                    ).map { $0["detail"] as String }.joined(separator: "; ")
                }
                #expect(plan.contains("USING INDEX") && !plan.contains("TEMP B-TREE"), "\(plan)")
            }
        }
        let byTag = try storage.engine.read { db in
            try Row.fetchAll(
                db,
                sql:
                    "EXPLAIN QUERY PLAN SELECT * FROM trends WHERE id IN (SELECT trend_id FROM trend_tags WHERE tag = 'a')"
            ).map { $0["detail"] as String }.joined(separator: "; ")
        }
        #expect(byTag.contains("SEARCH trend_tags USING PRIMARY KEY (tag=?)"), "\(byTag)")
    }

    @Test func tablesOfANewerProgramAreRefused() throws {
        let storage = try Storage()
        let engine = storage.engine
        try engine.write { try $0.database.execute(sql: "UPDATE trend_store SET format = 1000") }
        #expect(throws: EngineError.self) { try TrendStore(engine: engine) }
    }

    /// A storage of format 1, whose program was killed: rows, vectors and payloads are those of before, and each trend has its
    /// first observation.
    @Test func formatOneIsTakenOver() throws {
        let storage = try Storage(archive: "format-1.tar.gz")
        for round in 0..<2 {
            let trends = try storage.store.allTrends()
            #expect(trends.count == 5)
            #expect(try storage.store.allIdeas().count == 10)
            for trend in trends {
                #expect(trend.embeddingStatus == .current && trend.stage == .new)
                #expect(try storage.store.trendEmbedding(trend.id) != nil)
                #expect(
                    try storage.store.observations(of: trend.id) == [
                        Observation(
                            observedAt: trend.discoveredAt, engagementScore: trend.engagementScore, url: trend.url,
                            source: trend.source)
                    ])
            }
            #expect(try storage.store.check().isConsistent, "round \(round)")
            #expect(throws: EngineError.self) { try storage.engine.deleteCollection("trends") }
            try storage.reopen()
        }
    }

    /// A storage of format 2, whose program was killed: nothing of it changes, and what came with format 3 works in it.
    @Test func formatTwoIsTakenOver() throws {
        let storage = try Storage(archive: "format-2.tar.gz")
        for round in 0..<2 {
            let trends = try storage.store.allTrends()
            #expect(trends.map(\.title).sorted() == ["Trend 0", "Trend 2", "Trend 3", "Trend one"])
            #expect(
                trends.sorted { $0.id.uuidString < $1.id.uuidString }.map(\.embeddingStatus) == [
                    .current, .stale, .missing, .missing,
                ])
            let ideas = try storage.store.allIdeas()
            #expect(ideas.count == 3 && ideas.count { $0.status == .approved } == 1)
            let first = try #require(trends.first { $0.title == "Trend 0" })
            #expect(try storage.store.observations(of: first.id).map(\.engagementScore) == [50, 0])
            #expect(try storage.store.check().isConsistent, "round \(round)")
            #expect(storage.store.events.last == (round == 0 ? 0 : 2))
            if round == 0 {
                _ = try storage.store.writeRows { try $0.enqueue(Job(type: "a")) }
                _ = try storage.store.writeRows { try $0.createBusiness(Business(ideaID: ideas[0].id, name: "B")) }
            }
            try storage.reopen()
        }
        #expect(try storage.store.countJobs() == 1 && storage.store.countBusinesses() == 1)
    }

    /// A storage of format 3, whose program was killed: what is in it is found by its words.
    @Test func formatThreeIsTakenOver() throws {
        let storage = try Storage(archive: "format-3.tar.gz")
        for round in 0..<2 {
            func titles(_ query: String) throws -> [String] {
                try storage.store.searchTrends(words: TextQuery(query)).rows.map(\.row.title)
            }
            #expect(try titles("balconies") == ["Balcony solar panels"])
            #expect(try titles("панель") == ["Солнечные панели на балконе"])
            #expect(
                try titles("\"diy homes\" энергией").sorted() == [
                    "Balcony solar panels", "Солнечные панели на балконе",
                ])
            #expect(try titles("flat") == ["Heat pumps for flats"])
            #expect(try titles("tomorrow").isEmpty)
            #expect(
                try storage.store.searchIdeas(words: TextQuery("батарей")).rows.map(\.row.title) == [
                    "Panels by subscription"
                ])
            #expect(try storage.store.allTrends().count { $0.embeddingStatus == .current } == 2)
            #expect(try storage.store.check().isConsistent, "round \(round)")
            try storage.reopen()
        }
    }

    /// Whatever format it began with, a storage has the same tables.
    @Test func aMigratedStorageHasTheTablesOfANewOne() throws {
        func schema(_ storage: Storage) throws -> [String] {
            try storage.engine.read { db in
                try String.fetchAll(
                    db,
                    sql: """
                        SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name NOT GLOB 'points_*'
                        ORDER BY type, name
                        """)
            }
        }
        for archive in ["format-1.tar.gz", "format-2.tar.gz", "format-3.tar.gz"] {
            #expect(try schema(Storage(archive: archive)) == schema(Storage()), "\(archive)")
        }
    }
}
