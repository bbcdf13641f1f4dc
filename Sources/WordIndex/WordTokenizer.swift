import GRDB
import GRDBSQLite

/// `WordAnalyzer` as a tokenizer of SQLite's FTS5: `tokenize='trendex_words'`.
package final class WordTokenizer: FTS5CustomTokenizer {
    package static let name = "trendex_words"

    private let analyzer = WordAnalyzer()

    package init(db: Database, arguments: [String]) throws {
        guard arguments.isEmpty else {
            throw DatabaseError(resultCode: .SQLITE_ERROR, message: "\(Self.name) takes no arguments")
        }
    }

    package func tokenize(
        context: UnsafeMutableRawPointer?, tokenization: FTS5Tokenization, pText: UnsafePointer<CChar>?, nText: CInt,
        tokenCallback: @escaping FTS5TokenCallback
    ) -> CInt {
        guard let pText, nText > 0 else { return SQLITE_OK }
        var code = SQLITE_OK
        pText.withMemoryRebound(to: UInt8.self, capacity: Int(nText)) { bytes in
            analyzer.forEachWord(in: UnsafeBufferPointer(start: bytes, count: Int(nText))) { stem, range in
                stem.withMemoryRebound(to: CChar.self) { token in
                    code = tokenCallback(
                        context, 0, token.baseAddress, CInt(token.count), CInt(range.lowerBound), CInt(range.upperBound)
                    )
                }
                return code == SQLITE_OK
            }
        }
        return code
    }
}

/// What a connection needs before it touches a text index.
package enum TextIndexes {
    package static func prepare(_ db: Database) {
        db.add(tokenizer: WordTokenizer.self)
        TextRank.register(on: db)
    }
}
