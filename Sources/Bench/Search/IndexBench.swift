import Foundation
import JSON
import Quantization
import SearchEngine
import VectorIndex

/// An index over the base, built and measured without engine, payload or server around it.
final class IndexBench {
    struct Settings: Sendable {
        var metric = Metric.cosine
        var element = ElementType.float32
        var m = 16
        var efConstruct = 100
        var codec = CodecSettings.int8(quantile: nil)
        var seed: UInt64 = 42
        var buildThreads = 2
        /// Whether the index may rank by reduced codes first.
        var reducesCodes = true
    }

    struct SearchSettings: Sendable {
        var k = 10
        var isExact = false
        var ignoresCodes = false
        var rescores = true
        var oversampling = 1.0
    }

    let index: VectorIndex
    let settings: Settings
    let rows: FloatRows
    let build: WorkTime
    /// The look for every slot, which begins when all are linked.
    let check: WorkTime
    /// Anonymous memory that the build left behind, in bytes.
    let anonymousBytes: Int

    /// Builds the index on `settings.buildThreads` threads; returns when every row is linked.
    init(rows: FloatRows, _ settings: Settings) throws {
        self.rows = rows
        self.settings = settings
        let matrix = try Self.matrix(rows, settings.element)
        let before = try ProcessMemory.trimmed()
        let index = VectorIndex(
            IndexParameters(
                dimensions: rows.dimensions, metric: settings.metric, element: settings.element, m: settings.m,
                efConstruct: settings.efConstruct, codec: settings.codec, seed: settings.seed,
                usesPrincipalCodes: settings.reducesCodes))
        (_, build) = try measured {
            index.publish(rows: matrix, count: rows.count, absent: [])
            try index.linkPending(threads: settings.buildThreads)
        }
        (_, check) = try measured {
            try index.finishWork(threads: settings.buildThreads)
        }
        note("check: \(fixed(check.cpuSeconds, 2)) CPU s, \(index.reachability)")
        self.index = index
        anonymousBytes = max(0, try ProcessMemory.trimmed().anonymous - before.anonymous)
    }

    /// The rows as an index stores them.
    static func matrix(_ rows: FloatRows, _ element: ElementType) throws -> RowMatrix {
        let rowBytes = element.rowBytes(dimensions: rows.dimensions)
        guard element != .float32 else { return RowMatrix(base: rows.base, rowBytes: rowBytes, owner: rows) }
        let stored = try PackedRows(rows, element)
        return RowMatrix(base: stored.base, rowBytes: rowBytes, owner: stored)
    }

    /// What the index keeps in memory for a point: the greater of what it tells and what the system sees.
    var residentBytesPerPoint: Double { Double(max(index.memory.total, anonymousBytes)) / Double(rows.count) }

    /// Size of the derived file, and the time to load it again.
    func saveAndLoad() throws -> (bytes: Int, loadSeconds: Double) {
        let path = NSTemporaryDirectory() + "/trendex-bench-\(getpid()).index"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = IndexFile(path: path, fileSystem: PosixFileSystem())
        try file.save(index)
        let (_, time) = try measured {
            try file.load(parameters: index.parameters, rowCount: rows.count)
        }
        return (fileBytes(at: path), time.seconds)
    }

    /// One pass over the queries at one `ef`.
    func pass(
        _ queries: FloatRows, ef: Int, _ search: SearchSettings, threads: Int, ids: inout [Int64]
    ) throws -> TimedPass {
        let options = SearchOptions(
            k: search.k, ef: search.isExact ? nil : ef, exact: search.isExact, ignoreCodes: search.ignoresCodes,
            rescore: search.rescores, oversampling: search.oversampling)
        let counter = EffortCounter()
        var pass = try TimedPass.run(queries: queries.count, k: search.k, threads: threads, ids: &ids) {
            [index] query, out in
            let outcome = index.search(queries.row(query), options, allowed: nil)
            counter.add(scored: outcome.walked + outcome.scanned, hops: outcome.hops)
            for (place, hit) in outcome.hits.enumerated() where place < out.count { out[place] = Int64(hit.slot) }
        }
        pass.effort = counter.effort(queries: queries.count)
        return pass
    }

    var buildJSON: JSONValue {
        [
            "seconds": .double(rounded(build.seconds, 3)), "cpuSeconds": .double(rounded(build.cpuSeconds, 3)),
            "threads": JSONValue(settings.buildThreads),
        ]
    }
}

extension VectorIndex {
    /// Works on so many threads until every published row is linked.
    func linkPending(threads: Int) throws {
        try onThreads(threads) { thread in
            let progress = Progress("linked", total: self.publishedCount)
            while self.pendingCount > 0 {
                // Nothing to do for this thread yet, such as while another one trains the quantizer.
                if self.work(limit: 64) == 0 {
                    if let limitation = self.limitation { throw BenchError("the index can't grow: \(limitation)") }
                    usleep(500)
                }
                if thread == 0 { progress.update(self.linkedCount) }
            }
        }
    }

    /// Works on so many threads until nothing is due: links every published row, and does what comes behind it.
    func finishWork(threads: Int) throws {
        repeat {
            try linkPending(threads: threads)
            // The last rows may have made a training due. If that begins another graph, all threads link it.
            try onThreads(threads) { _ in while self.pendingCount == 0, self.work(limit: 64) > 0 {} }
        } while pendingCount > 0
    }
}
