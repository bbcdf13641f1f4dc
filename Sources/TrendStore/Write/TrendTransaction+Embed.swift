import Foundation
import GRDB

/// A vector that was made of a row's text.
public struct MadeEmbedding: Sendable {
    public var id: UUID
    /// The row's `textToEmbed` that it was made of.
    public var text: String
    public var vector: [Float]

    public init(id: UUID, text: String, vector: [Float]) {
        self.id = id
        self.text = text
        self.vector = vector
    }
}

enum EmbeddedText {
    /// The title, and the description behind it on a line of its own.
    static func join(_ texts: [String?]) -> String { texts.compactMap { $0 }.joined(separator: "\n") }
}

extension Trend {
    /// What an embedding of it is made of: the title, and the description behind it on a line of its own.
    public var textToEmbed: String { EmbeddedText.join(embeddedText) }
}

extension Idea {
    /// What an embedding of it is made of: the title, and the description behind it on a line of its own.
    public var textToEmbed: String { EmbeddedText.join(embeddedText) }
}

extension TrendTransaction {
    /// Gives trends the vectors that a model has made of their texts, and remembers the model. Rows that are gone, whose text
    /// is another one by now, or that somebody has given a vector meanwhile, are passed over. Returns how many took theirs.
    ///
    /// Throws `.conflict` where the collection has vectors of another model, or of one that isn't known, and `.invalid` for a
    /// wrong vector.
    public func embedTrends(_ made: [MadeEmbedding], by model: String) throws -> Int {
        try embed(Trend.self, made, by: model) { $0.textToEmbed }
    }

    /// The same for ideas.
    public func embedIdeas(_ made: [MadeEmbedding], by model: String) throws -> Int {
        try embed(Idea.self, made, by: model) { $0.textToEmbed }
    }

    private func embed<R: StoredRow>(
        _: R.Type, _ made: [MadeEmbedding], by model: String, _ text: (R) -> String
    ) throws -> Int {
        try Self.validate(made.map { ($0.id, $0.vector) })
        let db = try database()
        let fitting = try made.filter { entry in
            try R.fetch(entry.id, db).map { $0.embeddingStatus != .current && text($0) == entry.text } ?? false
        }
        guard !fitting.isEmpty else { return 0 }
        try claim(R.table, for: model)
        return try embed(R.self, fitting.map { ($0.id, $0.vector) }).count
    }

    /// Notes that a collection's vectors are a model's, if they are, or if it has none.
    fileprivate func claim(_ table: String, for model: String) throws {
        let db = try database()
        guard try !EmbeddingModels.isMaker(model, of: table, db) else { return }
        try change {
            try db.execute(
                sql: "UPDATE trend_store_collections SET model = ? WHERE name = ?", arguments: [model, table])
        }
    }
}

enum EmbeddingModels {
    /// Whether a collection's vectors are known to be a model's; `false` where there are none.
    ///
    /// Throws `.conflict` for vectors of another model, or of one that isn't known.
    static func isMaker(_ model: String, of table: String, _ db: GRDB.Database) throws -> Bool {
        let known = try String.fetchOne(
            db, sql: "SELECT model FROM trend_store_collections WHERE name = ?", arguments: [table])
        if known == model { return true }
        let hasVectors = try Bool.fetchOne(
            db, sql: "SELECT EXISTS (SELECT 1 FROM \(table) WHERE embedding_status <> 'missing')")
        guard hasVectors == true else { return false }
        let maker = known.map { "the model `\($0)`" } ?? "a model that the store doesn't know"
        throw TrendStoreError.conflict(
            """
            The vectors of `\(table)` were made by \(maker), and can't be compared with those of `\(model)`: configure that model, \
            search by vector, or delete the vectors first
            """)
    }
}

extension TrendStore {
    /// Throws `.conflict` where a model's vectors can't be compared with those of a type of row: they are another model's, or of one
    /// that isn't known.
    public func requireComparable<R>(_ model: String, with _: R.Type) throws {
        try requireComparable(model, in: R.self == Idea.self ? Idea.table : Trend.table)
    }

    /// The texts of the first rows that need an embedding, those that wait longest first; without some rows.
    public func textsToEmbed<R>(of _: R.Type, limit: Int, leaving left: Set<UUID>) throws -> [(id: UUID, text: String)]
    {
        let (table, order) =
            R.self == Idea.self ? (Idea.table, "analyzed_at") : (Trend.table, "discovered_at")
        let places = left.map { _ in "?" }.joined(separator: ", ")
        return try engine.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT id, title, description FROM \(table)
                    WHERE embedding_status <> 'current' AND id NOT IN (\(places)) ORDER BY \(order), id LIMIT ?
                    """, arguments: StatementArguments(left.map(\.text)) + [limit]
            ).compactMap { row in
                let texts: [String?] = [row[1], row[2]]
                return UUID(uuidString: row[0]).map { ($0, EmbeddedText.join(texts)) }
            }
        }
    }

    /// The same for a collection by its name; nothing is asked of one that isn't the store's.
    public func requireComparable(_ model: String, in collection: String) throws {
        guard keeps(collection) else { return }
        _ = try engine.read { try EmbeddingModels.isMaker(model, of: collection, $0) }
    }

    /// Notes that vectors which are about to come into a collection of the store are a model's; nothing is noted for another
    /// collection.
    ///
    /// Throws `.conflict` for one with vectors of another model, or of one that isn't known.
    public func claimVectors(of collection: String, for model: String) throws {
        guard keeps(collection), try !engine.read({ try EmbeddingModels.isMaker(model, of: collection, $0) }) else {
            return
        }
        try writeRows { try $0.claim(collection, for: model) }
    }

    /// What was counted under a name, and in which period; `nil` before the first time.
    public func counter(_ name: String) throws -> (period: Int, value: Double)? {
        try engine.read { db in
            try Row.fetchOne(db, sql: "SELECT period, value FROM counters WHERE name = ?", arguments: [name])
                .map { ($0[0], $0[1]) }
        }
    }

    /// Notes what was counted, in place of what was noted before; all of it or, when it throws, nothing.
    public func setCounters(_ counters: [(name: String, period: Int, value: Double)]) throws {
        try engine.write(mayUseReserve: true) { transaction in
            let statement = try transaction.database.cachedStatement(
                sql: "INSERT OR REPLACE INTO counters (name, period, value) VALUES (?, ?, ?)")
            for counter in counters {
                try statement.execute(arguments: [counter.name, counter.period, counter.value])
            }
        }
    }
}
