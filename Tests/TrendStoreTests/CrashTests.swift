import Foundation
import SearchEngine
import Synchronization
import TestSupport
import Testing
import TrendStore
import trendstore_crash_child

/// Kills a writing process at random moments, and looks at what it leaves.
@Suite struct CrashTests {
    /// Rounds; `TRENDEX_CRASH_ROUNDS` sets another number.
    private static let rounds =
        ProcessInfo.processInfo.environment["TRENDEX_CRASH_ROUNDS"].flatMap { Int($0) } ?? 50

    private struct Key: Hashable {
        var table: String
        var id: UUID
    }
    private typealias Rows = [Key: CrashScript.Revision]

    @Test func rowsAndPointsAgreeAfterEachKill() throws {
        var generator = SeededGenerator("rowsAndPointsAgreeAfterEachKill")
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("trendstore-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var rows: Rows = [:]
        var transactions = 0
        for round in 0..<Self.rounds {
            // Some kills come before the first transaction.
            let lines = Int.random(in: 0..<10, using: &generator) == 0 ? 0 : Int.random(in: 1...250, using: &generator)
            let output = try run(
                folder.path, seed: generator.next(), lines: lines,
                microseconds: .random(in: 0...4_000, using: &generator))
            transactions += output.count
            try verify(folder.path, output, &rows, round)
        }
        // The kills must have hit work.
        #expect(transactions > Self.rounds * 10)
    }

    // MARK: The process

    /// Starts a writer and kills it some microseconds after it has written some lines. Answers all its lines.
    private func run(_ path: String, seed: UInt64, lines: Int, microseconds: UInt32) throws -> [CrashScript.Line] {
        let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent("trendstore-crash-child")
        let process = Process()
        let output = Pipe()
        let errors = Pipe()
        process.executableURL = executable
        process.arguments = [path, String(seed)]
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        var text: [UInt8] = []
        var seen = 0
        var isKilled = false
        while true {
            if !isKilled, seen >= lines {
                usleep(microseconds)
                kill(process.processIdentifier, SIGKILL)
                isKilled = true
            }
            let chunk = output.fileHandleForReading.availableData
            if chunk.isEmpty { break }
            text += chunk
            seen += chunk.count { $0 == UInt8(ascii: "\n") }
        }
        process.waitUntilExit()
        let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGKILL, "\(complaint)")
        // What stands behind the last line feed was cut off by the kill.
        let complete = text.lastIndex(of: UInt8(ascii: "\n")).map { text[...$0] } ?? []
        return try String(decoding: complete, as: UTF8.self).split(separator: "\n").map {
            try #require(CrashScript.Line($0), "\($0)")
        }
    }

    // MARK: What it left

    /// Every transaction that was done is there; each worker's last one, if it was not done, is there or not at all.
    private func verify(_ path: String, _ output: [CrashScript.Line], _ rows: inout Rows, _ round: Int) throws {
        var open: [Int: [CrashScript.Outcome]] = [:]
        for line in output {
            switch line {
            case .begin(let worker, let outcomes): open[worker] = outcomes
            case .done(let worker): Self.apply(open.removeValue(forKey: worker) ?? [], to: &rows)
            }
        }
        let store = try Storage.open(path)
        defer { try? store.engine.close() }
        let report = try store.check()
        #expect(report.isConsistent, "round \(round): \(report)")

        let stored = try storedRows(store)
        for outcomes in open.values {
            let isThere = outcomes.map { stored[Key(table: $0.table, id: $0.id)] == $0.revision }
            if isThere.allSatisfy({ $0 }) { Self.apply(outcomes, to: &rows) }
        }
        #expect(stored == rows, "round \(round)")
        for (key, revision) in rows {
            let embedding =
                key.table == "trends" ? try store.trendEmbedding(key.id) : try store.ideaEmbedding(key.id)
            let expected = CrashScript.embedding(of: key.id, revision: revision.embedding)
            let isAsSent = isClose(embedding, expected)
            #expect(isAsSent, "round \(round): \(key)")
        }
        if let trend = rows.first(where: { $0.key.table == "trends" }) {
            let query = CrashScript.embedding(of: trend.key.id, revision: trend.value.embedding)
            #expect(try store.searchTrends(.embedding(query), limit: 1).first?.row.id == trend.key.id, "round \(round)")
        }
    }

    private static func apply(_ outcomes: [CrashScript.Outcome], to rows: inout Rows) {
        for outcome in outcomes { rows[Key(table: outcome.table, id: outcome.id)] = outcome.revision }
    }

    private func storedRows(_ store: TrendStore) throws -> Rows {
        var rows: Rows = [:]
        for trend in try store.allTrends() {
            let revision: CrashScript.Revision = try #require(CrashScript.Revision(trend.title))
            rows[Key(table: "trends", id: trend.id)] = revision
        }
        for idea in try store.allIdeas() {
            let revision: CrashScript.Revision = try #require(CrashScript.Revision(idea.title))
            rows[Key(table: "ideas", id: idea.id)] = revision
        }
        return rows
    }
}
