/// A column of a text index.
struct TextColumn {
    /// The row's column, and the index's.
    var name: String
    /// Of an occurrence, in BM25.
    var weight: Double
    /// The text that is indexed, of the columns of the table that is put in front.
    var sql: (_ table: String) -> String
}

/// A type of row that is searched by words: what is in which column of its text index.
///
/// The index is the FTS5 table `<table>_text`, whose rowids are those of the table. It has no texts of its own, and can be made anew from
/// the rows.
protocol TextIndexedRow: StoredRow {
    static var textColumns: [TextColumn] { get }
    /// What the columns hold, in their order.
    var indexedTexts: [String?] { get }
}

extension TextIndexedRow {
    static var textTable: String { "\(table)_text" }
    /// Every word of the index with its places.
    static var textTermsTable: String { "\(table)_text_terms" }
}

extension TextColumn {
    /// Words of a description behind these characters aren't found: a long one would cost the writer as much as fifty short ones.
    static let mostDescriptionCharacters = 10_000

    static var title: TextColumn { TextColumn(name: "title", weight: 4) { "\($0)title" } }
    static var description: TextColumn {
        TextColumn(name: "description", weight: 1) { "substr(\($0)description, 1, \(mostDescriptionCharacters))" }
    }
    static var tags: TextColumn {
        TextColumn(name: "tags", weight: 2) { "(SELECT group_concat(value, ' ') FROM json_each(\($0)tags))" }
    }

    static func indexed(description: String?) -> String? {
        guard let description, description.utf8.count > mostDescriptionCharacters else { return description }
        return String(String.UnicodeScalarView(description.unicodeScalars.prefix(mostDescriptionCharacters)))
    }
}

extension Trend: TextIndexedRow {
    static var textColumns: [TextColumn] { [.title, .description, .tags] }
    var indexedTexts: [String?] {
        [title, TextColumn.indexed(description: description), tags.joined(separator: " ")]
    }
}

extension Idea: TextIndexedRow {
    static var textColumns: [TextColumn] { [.title, .description] }
    var indexedTexts: [String?] { [title, TextColumn.indexed(description: description)] }
}
