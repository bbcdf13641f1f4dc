import Foundation
import GRDB
import SearchEngine
import TestSupport
import Testing
import TrendStore
import WordIndex

/// The index of words follows the rows, whatever happens to them.
@Suite struct TextIndexTests {
    private static let vocabulary = [
        "solar", "battery", "batteries", "panel", "Heat", "pump", "IT", "солнечная", "панели", "ёлка", "е\u{308}лки",
        "zero-day", "2026",
        "🔥", "the", "и", "naïve", "C++", "don't", "\"", "NEAR", "*", "電気", "ｗｉｄｅ",
    ]

    private static func text(_ words: ClosedRange<Int>, _ generator: inout SeededGenerator) -> String {
        (0..<Int.random(in: words, using: &generator)).map { _ in generator.pick(vocabulary) }.joined(separator: " ")
    }

    /// Which of the rows have a term, said plainly.
    private static func matching(_ trends: [UUID: Trend], _ query: TextQuery) -> Set<UUID> {
        func stems(_ trend: Trend) -> [[String]] {
            [trend.title, trend.description ?? "", trend.tags.joined(separator: " ")].map {
                WordAnalyzer().stems(of: $0)
            }
        }
        func has(_ stems: [[String]], _ term: TextQuery.Term) -> Bool {
            let wanted = WordAnalyzer().stems(of: term.text)
            return stems.contains { field in
                field.indices.contains { field[$0...].starts(with: wanted) }
            }
        }
        return Set(
            trends.values.filter { trend in
                let stems = stems(trend)
                return query.terms.contains { has(stems, $0) } && !query.excluded.contains { has(stems, $0) }
            }.map(\.id))
    }

    /// Random changes, some rolled back, and after each few of them random queries.
    @Test func theIndexIsThatOfTheRows() throws {
        var generator = SeededGenerator("theIndexIsThatOfTheRows")
        let storage = try Storage()
        var trends: [UUID: Trend] = [:]
        struct Undo: Error {}
        for round in 0..<60 {
            let isUndone = generator.chance(0.3)
            var changed = trends
            nonisolated(unsafe) var random = generator
            nonisolated(unsafe) var rows = changed
            do {
                try storage.store.write { transaction in
                    for _ in 0..<Int.random(in: 1...8, using: &random) {
                        let known = rows.keys.sorted { $0.uuidString < $1.uuidString }
                        switch Int.random(in: 0..<4, using: &random) {
                        case 0 where !known.isEmpty:
                            let id = random.pick(known)
                            _ = try transaction.deleteTrend(id)
                            rows[id] = nil
                        case 1 where !known.isEmpty:
                            let id = random.pick(known)
                            let (title, description) = (Self.text(1...4, &random), Self.text(0...6, &random))
                            let tags = Self.text(0...3, &random).split(separator: " ").map { String($0) }
                            rows[id] = try transaction.updateTrend(id) {
                                $0.title = title
                                $0.description = description
                                $0.tags = tags
                            }
                        case 2 where !known.isEmpty:
                            // The texts stay.
                            let id = random.pick(known)
                            rows[id] = try transaction.updateTrend(id, embedding: axis(round)) {
                                $0.engagementScore += 1
                            }
                        default:
                            let trend = Trend(
                                title: Self.text(1...4, &random), description: Self.text(0...6, &random), source: .vk,
                                tags: Self.text(0...3, &random).split(separator: " ").map { String($0) })
                            rows[trend.id] = try transaction.createTrend(trend)
                        }
                    }
                    if isUndone { throw Undo() }
                }
            } catch is Undo {}
            changed = rows
            generator = random
            if !isUndone { trends = changed }
            for _ in 0..<6 {
                let words = Self.text(1...3, &generator)
                let phrase = generator.chance(0.3) ? " \"\(Self.text(2...2, &generator))\"" : ""
                let excluded = generator.chance(0.3) ? " -\(generator.pick(["solar", "panel", "панель", "2026"]))" : ""
                let query = TextQuery(words.replacingOccurrences(of: "\"", with: " ") + phrase + excluded)
                let found = try storage.store.searchTrends(words: query, limit: 1_000)
                #expect(found.isComplete)
                #expect(Set(found.rows.map(\.row.id)) == Self.matching(trends, query), "round \(round): \(query)")
                #expect(found.rows.map(\.score) == found.rows.map(\.score).sorted(by: >))
                #expect(found.rows.allSatisfy { $0.text?.terms.isEmpty == false && $0.text?.fields.isEmpty == false })
            }
            if round % 20 == 19 {
                #expect(try storage.store.check().isConsistent)
                try storage.reopen()
            }
        }
        #expect(try storage.store.check().isConsistent)
    }

    @Test func whyARowIsFound() throws {
        let storage = try Storage()
        let store = storage.store
        let first = try store.createTrend(
            Trend(title: "Solar batteries", description: "Panels that store", source: .vk, tags: ["solar", "DIY kits"]))
        let second = try store.createTrend(Trend(title: "Wind", description: "and a battery", source: .reddit))
        let found = try store.searchTrends(words: TextQuery("the Battery solar")).rows
        #expect(found.map(\.row.id) == [first.id, second.id])
        #expect(found[0].text?.rank == 1 && found[0].text?.score == found[0].score && found[0].semantic == nil)
        #expect(
            found[0].text?.terms == ["Battery", "solar"] && found[0].text?.words == ["batteries", "Solar", "solar"])
        #expect(found[0].text?.fields == ["title", "tags"])
        #expect(found[1].text?.terms == ["Battery"] && found[1].text?.fields == ["description"])
        // A title counts more than a description.
        #expect(found[0].score > 2 * found[1].score)
        let filtered = try store.searchTrends(words: TextQuery("battery"), filter: TrendFilter(sources: [.reddit])).rows
        #expect(filtered.map(\.row.id) == [second.id])
        #expect(try store.searchTrends(words: TextQuery("battery"), limit: 1, offset: 1).rows.map(\.text?.rank) == [2])
        #expect(try store.searchTrends(words: TextQuery("battery"), scoreThreshold: 1e6).rows.isEmpty)
        #expect(try store.searchTrends(words: TextQuery("\"diy kit\"")).rows.map(\.text?.words) == [["DIY kits"]])
        #expect(try store.searchTrends(words: TextQuery("nothing such")).rows.isEmpty)
        #expect(throws: TrendStoreError.self) {
            try store.searchTrends(words: TextQuery((0..<33).map { "w\($0)" }.joined(separator: " ")))
        }
    }

    /// Of a long description the first 10,000 characters count, whatever their bytes.
    @Test func longDescriptions() throws {
        let storage = try Storage()
        let filler = String(repeating: "ж ", count: 4_995)
        try storage.store.createTrend(Trend(title: "T", description: filler + "inside outside", source: .vk))
        #expect(try storage.store.searchTrends(words: TextQuery("inside")).rows.first?.text?.fields == ["description"])
        #expect(try storage.store.searchTrends(words: TextQuery("outside")).rows.isEmpty)
        #expect(try storage.store.check().isConsistent)
    }

    @Test func hybridSearches() throws {
        let storage = try Storage()
        let store = storage.store
        var near = axis(0)
        near[1] = 0.5
        let both = try store.createTrend(Trend(title: "Solar roof", source: .vk), embedding: near)
        let meaning = try store.createTrend(Trend(title: "Photovoltaics", source: .vk), embedding: axis(0))
        let words = try store.createTrend(Trend(title: "Solar solar", source: .reddit))
        let query = SemanticQuery.embedding(axis(0))
        let found = try store.searchTrends(query, words: TextQuery("solar")).rows
        #expect(found.map(\.row.id) == [both.id, meaning.id, words.id])
        #expect(found[0].semantic?.rank == 2 && found[0].text?.rank == 2)
        #expect(abs(found[0].score - Float(1.0 / 62 + 1.0 / 62)) < 1e-7 && abs(found[1].score - Float(1.0 / 61)) < 1e-7)
        #expect(found[1].text == nil && found[2].semantic == nil && found[2].text?.terms == ["solar"])
        // Filters and exclusions hold for both halves.
        let vk = try store.searchTrends(query, words: TextQuery("solar"), filter: TrendFilter(sources: [.vk])).rows
        #expect(vk.map(\.row.id) == [both.id, meaning.id])
        #expect(
            try store.searchTrends(query, words: TextQuery("solar -roofs")).rows.map(\.row.id) == [
                meaning.id, words.id,
            ])
        #expect(try store.searchTrends(query, words: TextQuery("-photovoltaics")).rows.map(\.row.id) == [both.id])
        #expect(
            try store.searchTrends(query, words: TextQuery("solar"), limit: 1, offset: 1).rows.map(\.row.id) == [
                meaning.id
            ])
        #expect(
            try store.searchTrends(query, words: TextQuery("solar"), scoreThreshold: 0.02).rows.map(\.row.id) == [
                both.id
            ])
        // What is like a row leaves it out of both.
        #expect(
            try store.searchTrends(.like(both.id), words: TextQuery("solar")).rows.map(\.row.id) == [
                meaning.id, words.id,
            ])
        #expect(throws: TrendStoreError.self) {
            try store.searchTrends(query, words: TextQuery("solar"), limit: 400, offset: 101)
        }
    }

    @Test func ideasAreFoundByWords() throws {
        let storage = try Storage()
        let store = storage.store
        let trend = try store.createTrend(Trend(title: "T", source: .vk))
        let idea = try store.createIdea(
            Idea(trendID: trend.id, title: "Прокат батареи", description: "rental vans", scores: someScores))
        #expect(try store.searchIdeas(words: TextQuery("батарей")).rows.map(\.text?.fields) == [["title"]])
        #expect(try store.searchIdeas(words: TextQuery("van"), filter: IdeaFilter(statuses: [.approved])).rows.isEmpty)
        #expect(
            try store.searchIdeas(.embedding(axis(0)), words: TextQuery("van")).rows.map(\.row.id) == [idea.id])
        // Goes with its trend.
        try store.deleteTrend(trend.id)
        #expect(try store.searchIdeas(words: TextQuery("van")).rows.isEmpty)
        #expect(try store.check().isConsistent)
    }

    /// Each way in which index and rows can part is found, also in a storage at rest, and mended.
    @Test(arguments: ["row", "entry", "damage"])
    func differencesAreFoundAndMended(_ kind: String) throws {
        let storage = try Storage()
        let trend = try storage.store.createTrend(Trend(title: "Solar roof", source: .vk))
        try storage.store.createTrend(Trend(title: "Heat pump", source: .vk))
        try storage.engine.write { transaction in
            let db = transaction.database
            switch kind {
            case "row":
                try db.execute(
                    sql: "INSERT INTO trends_text (trends_text, rowid, title) VALUES ('delete', 1, 'Solar roof')")
            case "entry": try db.execute(sql: "INSERT INTO trends_text (rowid, title) VALUES (77, 'stray words')")
            default: try db.execute(sql: "UPDATE trends_text_data SET block = x'00ff' WHERE id > 10")
            }
        }
        try storage.reopen()
        let report = try storage.store.check().trends.text
        switch kind {
        case "row": #expect(report.rows == [trend.id] && report.rowsThatAreGone == 0)
        case "entry": #expect(report.rows.isEmpty && report.rowsThatAreGone == 1)
        default: #expect(!report.isConsistent)
        }
        try storage.engine.close()
        var lines: [String] = []
        #expect(
            try !Engine.verify(storagePath: storage.path + "/storage", rows: TrendStore.verify) { lines.append($0) })
        #expect(lines.contains { $0.hasPrefix("trends: ") && $0.contains("index of") }, "\(lines)")
        try storage.reopen()
        #expect(try storage.store.repair().trends.isTextIndexRebuilt)
        #expect(try storage.store.check().isConsistent)
        #expect(try storage.store.searchTrends(words: TextQuery("solar")).rows.map(\.row.id) == [trend.id])
        #expect(try storage.store.searchTrends(words: TextQuery("stray")).rows.isEmpty)
    }

    /// Other stemmers make other words: the start makes the index anew.
    @Test func anotherAnalysisIsTakenOver() throws {
        let storage = try Storage()
        try storage.store.createTrend(Trend(title: "Solar roof", source: .vk))
        try storage.engine.write { transaction in
            try transaction.database.execute(
                sql: """
                    INSERT INTO trends_text (trends_text) VALUES ('delete-all');
                    UPDATE trend_store SET text_analysis = '0-other';
                    """)
        }
        try storage.reopen()
        #expect(try storage.store.searchTrends(words: TextQuery("roofs")).rows.count == 1)
        #expect(try storage.store.check().isConsistent)
    }

    /// A word that is in very many rows is not ranked in all of them, and rare words are found among them all the same.
    @Test func commonWordsAreBounded() throws {
        let storage = try Storage()
        let count = TextRankingLimits.mostRows + 2_000
        for start in stride(from: 0, to: count, by: 2_000) {
            try storage.store.write { transaction in
                for number in start..<(start + 2_000) {
                    try transaction.createTrend(
                        Trend(title: number == 7 ? "common rarity" : "common", source: number == 3 ? .reddit : .vk))
                }
            }
        }
        let common = try storage.store.searchTrends(words: TextQuery("common"), limit: 10)
        #expect(common.rows.count == 10 && !common.isComplete)
        let rare = try storage.store.searchTrends(words: TextQuery("common rarity"), limit: 10)
        #expect(rare.rows.first?.row.title == "common rarity" && rare.rows.count == 10 && !rare.isComplete)
        #expect(rare.rows[0].text?.terms == ["common", "rarity"])
        let alone = try storage.store.searchTrends(words: TextQuery("rarity"), limit: 10)
        #expect(alone.rows.count == 1 && alone.isComplete && alone.rows[0].score < rare.rows[0].score)
        #expect(throws: EngineError.self) {
            try storage.store.searchTrends(words: TextQuery("common"), deadline: .now - .seconds(1))
        }
    }
}
