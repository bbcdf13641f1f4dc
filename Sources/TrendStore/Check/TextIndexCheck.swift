import Foundation
import GRDB
import WordIndex

/// Where a text index and the rows of its table disagree.
public struct TextIndexReport: Sendable, Equatable {
    /// Rows whose words aren't those of the index, by id.
    public var rows: [UUID] = []
    /// Of the index, those that have no row.
    public var rowsThatAreGone = 0
    /// Whether the index can't be read, or was made by another analysis.
    public var isUnreadable = false

    public init() {}

    public var isConsistent: Bool { self == TextIndexReport() }

    /// Compares all rows with the index in the snapshot that the connection sees. Changes nothing.
    ///
    /// FTS5 has a check of its own (`integrity-check`), but that is a write, and doesn't name rows. Complexity: O(words), and 32 bytes a row.
    init<R: TextIndexedRow>(comparing _: R.Type, _ db: GRDB.Database) throws {
        guard try Schema.hasCurrentAnalysis(db) else {
            isUnreadable = true
            return
        }
        var indexed: [Int64: UInt64]
        do { indexed = try Self.indexedSums(R.self, db) } catch let error as DatabaseError
            where error.resultCode == .SQLITE_CORRUPT
        {
            isUnreadable = true
            return
        }
        let analyzer = WordAnalyzer()
        let texts = R.textColumns.map { $0.sql("") }.joined(separator: ", ")
        let all = try Row.fetchCursor(db, sql: "SELECT rowid, id, \(texts) FROM \(R.table) ORDER BY id")
        while let row = try all.next() {
            var sum: UInt64 = 0
            for column in R.textColumns.indices {
                guard var text = row[2 + column] as String? else { continue }
                text.withUTF8 { bytes in
                    var place = 0
                    analyzer.forEachWord(in: bytes) { stem, _ in
                        sum &+= Self.hash(stem, column, place)
                        place += 1
                        return true
                    }
                }
            }
            if indexed.removeValue(forKey: row[0]) ?? 0 != sum {
                rows.append(try ColumnReader(row, of: R.table).id("id"))
            }
        }
        rowsThatAreGone = indexed.count
    }

    /// By rowid: the sum of the hashes of its words with their places.
    private static func indexedSums<R: TextIndexedRow>(_: R.Type, _ db: GRDB.Database) throws -> [Int64: UInt64] {
        var sums: [Int64: UInt64] = [:]
        let columns = Dictionary(uniqueKeysWithValues: R.textColumns.enumerated().map { ($1.name, $0) })
        let words = try Row.fetchCursor(db, sql: "SELECT doc, col, offset, CAST(term AS BLOB) FROM \(R.textTermsTable)")
        while let word = try words.next() {
            let (column, place): (Int, Int) = (columns[word[1] as String] ?? -1, word[2])
            let sum: UInt64 = try word.withUnsafeData(atIndex: 3) { term in
                let bytes = term.map { Array($0) } ?? []
                return bytes.withUnsafeBufferPointer { hash($0, column, place) }
            }
            sums[word[0] as Int64, default: 0] &+= sum
        }
        return sums
    }

    /// FNV-1a over the word, finished by SplitMix64's mixing with its place.
    private static func hash(_ word: UnsafeBufferPointer<UInt8>, _ column: Int, _ place: Int) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in word { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = hash &+ UInt64(truncatingIfNeeded: column + 1) &* 0x9E37_79B9_7F4A_7C15
        hash = hash &+ UInt64(truncatingIfNeeded: place + 1) &* 0xD1B5_4A32_D192_ED03
        hash = (hash ^ hash >> 30) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ hash >> 27) &* 0x94D0_49BB_1331_11EB
        return hash ^ hash >> 31
    }
}
