import Foundation
import GRDB
import GRDBSQLite

/// BM25 (Robertson et al. 1994) as an auxiliary function of FTS5: `trendex_rank(table, parameters)`, greater for better rows.
///
/// FTS5 has `bm25()`, but that counts all rows of each phrase whenever a search begins. Here the caller says in how many rows a phrase
/// is, so that a search costs what the rows cost that it looks at. The formula is the same but for the inverse document frequency, which
/// is Lucene's and never negative: ln(1 + (N - n + 0.5) / (n + 0.5)).
package enum TextRank {
    package static let name = "trendex_rank"

    static let k1 = 1.2
    static let b = 0.75

    /// The function's second argument.
    ///
    /// - Parameters:
    ///   - weights: of an occurrence, by column.
    ///   - frequencies: in how many rows each phrase of the MATCH expression is, in the order of the expression.
    package static func parameters(weights: [Double], frequencies: [Double]) -> Data {
        ([Double(weights.count)] + weights + frequencies).withUnsafeBytes { Data($0) }
    }

    static func register(on db: Database) {
        let api = FTS5.api(db)
        let code = api.pointee.xCreateFunction(
            UnsafeMutablePointer(mutating: api), name, nil,
            { api, fts, context, count, values in
                guard let api, let context else { return }
                guard count == 1, let score = TextRank.score(api, fts, values?[0]) else {
                    return sqlite3_result_error(context, "\(TextRank.name) takes the parameters of its expression", -1)
                }
                sqlite3_result_double(context, score)
            }, nil)
        precondition(code == SQLITE_OK, "SQLite takes no function for its text index")
    }

    /// What is the same for all rows of a search: doubles at the places of `Layout`.
    private struct Layout {
        var columns: Int
        var phrases: Int
        var average: Int { 0 }
        var weights: Int { 1 }
        var rarities: Int { weights + columns }
        /// Scratch: weighted occurrences in the row.
        var occurrences: Int { rarities + phrases }
        var count: Int { occurrences + phrases }
    }

    private static func score(
        _ api: UnsafePointer<Fts5ExtensionApi>, _ fts: OpaquePointer?, _ argument: OpaquePointer?
    ) -> Double? {
        let api = api.pointee
        let layout = Layout(columns: Int(api.xColumnCount(fts)), phrases: Int(api.xPhraseCount(fts)))
        guard let values = values(api, fts, argument, layout) else { return nil }
        var (instances, length): (CInt, CInt) = (0, 0)
        guard api.xInstCount(fts, &instances) == SQLITE_OK, api.xColumnSize(fts, -1, &length) == SQLITE_OK else {
            return nil
        }
        let occurrences = values + layout.occurrences
        for phrase in 0..<layout.phrases { occurrences[phrase] = 0 }
        for instance in 0..<instances {
            var (phrase, column, offset): (CInt, CInt, CInt) = (0, 0, 0)
            guard api.xInst(fts, instance, &phrase, &column, &offset) == SQLITE_OK else { return nil }
            occurrences[Int(phrase)] += values[layout.weights + Int(column)]
        }
        let norm = k1 * (1 - b + b * Double(length) / values[layout.average])
        var score = 0.0
        for phrase in 0..<layout.phrases where occurrences[phrase] > 0 {
            score += values[layout.rarities + phrase] * occurrences[phrase] * (k1 + 1) / (occurrences[phrase] + norm)
        }
        return score
    }

    /// Made by the first row, and kept by FTS5 until the search ends.
    private static func values(
        _ api: Fts5ExtensionApi, _ fts: OpaquePointer?, _ argument: OpaquePointer?, _ layout: Layout
    ) -> UnsafeMutablePointer<Double>? {
        if let kept = api.xGetAuxdata(fts, 0) { return kept.assumingMemoryBound(to: Double.self) }
        let given = 1 + layout.columns + layout.phrases
        guard let blob = sqlite3_value_blob(argument),
            Int(sqlite3_value_bytes(argument)) == given * MemoryLayout<Double>.size
        else { return nil }
        func value(_ place: Int) -> Double { blob.loadUnaligned(fromByteOffset: place * 8, as: Double.self) }
        var (rows, words): (Int64, Int64) = (0, 0)
        guard value(0) == Double(layout.columns), api.xRowCount(fts, &rows) == SQLITE_OK,
            api.xColumnTotalSize(fts, -1, &words) == SQLITE_OK, rows > 0,
            let memory = malloc(layout.count * MemoryLayout<Double>.size)
        else { return nil }
        let values = memory.bindMemory(to: Double.self, capacity: layout.count)
        values[layout.average] = max(Double(words) / Double(rows), 1)
        for column in 0..<layout.columns { values[layout.weights + column] = value(1 + column) }
        for phrase in 0..<layout.phrases {
            let frequency = min(value(1 + layout.columns + phrase), Double(rows))
            values[layout.rarities + phrase] = log(1 + (Double(rows) - frequency + 0.5) / (frequency + 0.5))
        }
        guard api.xSetAuxdata(fts, memory, { free($0) }) == SQLITE_OK else { return nil }
        return values
    }
}
