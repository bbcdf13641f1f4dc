import Foundation
import JSON
import Logging
import OrderedCollections
import Quantization
import SearchEngine

/// An engine in this process with the data set in one collection.
final class EngineBench: @unchecked Sendable {  // Set up by `init`; measured by one thread, searched by several.
    static let collection = "bench"

    struct Filling: Sendable {
        var upsert: WorkTime
        /// From the first write until every point is linked.
        var untilIndexed: WorkTime
        var anonymousBytes: Int

        func buildJSON(threads: Int) -> JSONValue {
            [
                "seconds": .double(rounded(untilIndexed.seconds, 3)),
                "cpuSeconds": .double(rounded(untilIndexed.cpuSeconds, 3)), "threads": JSONValue(threads),
            ]
        }
    }

    let engine: Engine
    let dataset: Dataset
    let filling: Filling

    /// Creates the collection below `storage`, upserts all points in batches, makes the payload indexes that the filters
    /// need and waits until nothing is left to do in the background: the graph is complete and its recall is measured.
    init(dataset: Dataset, storage: String, _ settings: IndexBench.Settings, batch: Int) throws {
        self.dataset = dataset
        let before = try ProcessMemory.trimmed()
        let engine = try Self.open(storage, indexingThreads: settings.buildThreads)
        self.engine = engine
        try engine.createCollection(Self.collection, Self.configuration(dataset, settings))
        let start = nowNanoseconds()
        let cpu = processCPUSeconds()
        let progress = Progress("upserted", total: dataset.rows.count)
        var points: [PointStruct] = []
        for row in 0..<dataset.rows.count {
            points.append(dataset.point(row))
            if points.count == batch || row == dataset.rows.count - 1 {
                _ = try engine.updateBlocking(Self.collection, [.upsert(points)])
                points.removeAll(keepingCapacity: true)
                progress.update(row + 1)
            }
        }
        func elapsed() -> WorkTime {
            WorkTime(seconds: Double(nowNanoseconds() - start) / 1e9, cpuSeconds: processCPUSeconds() - cpu)
        }
        let upsert = elapsed()
        for (key, type) in dataset.payloadIndexes {
            _ = try engine.createPayloadIndex(
                Self.collection, key: PayloadPath(key), schema: PayloadFieldSchema(type: type))
        }
        try Self.waitUntilGreen(engine)
        filling = Filling(
            upsert: upsert, untilIndexed: elapsed(),
            anonymousBytes: max(0, try ProcessMemory.trimmed().anonymous - before.anonymous))
        try Self.waitForAudit(engine)
    }

    static func open(_ storage: String, indexingThreads: Int) throws -> Engine {
        var configuration = EngineConfiguration(storagePath: storage, snapshotsPath: storage + "-snapshots")
        configuration.indexingThreads = indexingThreads
        var logger = Logger(label: "trendex-bench") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        return try Engine(configuration: configuration, logger: logger)
    }

    private static func waitUntilGreen(_ engine: Engine) throws {
        let progress = Progress("linked", total: try engine.collectionInfo(collection).vectorsCount)
        while true {
            let info = try engine.collectionInfo(collection)
            switch info.status {
            case .green: return
            case .red: throw BenchError("indexing failed: \(info.optimizerError ?? "no reason given")")
            case .yellow, .grey: progress.update(info.indexedVectorsCount)
            }
            usleep(5000)
        }
    }

    /// The first audit of an index sweeps through all rows, which costs searches beside it some of their caches.
    private static func waitForAudit(_ engine: Engine) throws {
        let progress = Progress("audited", total: 1)
        while try engine.recall(collection).vectors.contains(where: { !$0.isScanned && $0.background == nil }) {
            usleep(50_000)
        }
        progress.update(1)
    }

    private static func configuration(_ dataset: Dataset, _ settings: IndexBench.Settings) -> CollectionConfiguration {
        let distance: Distance =
            switch dataset.metric {
            case .cosine: .cosine
            case .dot: .dot
            case .euclid: .euclid
            case .manhattan: .manhattan
            }
        let quantization: QuantizationConfiguration? =
            switch settings.codec {
            case .none: .disabled
            case .int8(let quantile): quantile.map { .scalar(ScalarQuantizationConfiguration(quantile: $0)) }
            }
        let vector = VectorParameters(
            size: dataset.rows.dimensions, distance: distance,
            datatype: settings.element == .float16 ? .float16 : .float32,
            hnsw: HNSWConfiguration(m: settings.m, efConstruct: settings.efConstruct),
            quantization: quantization)
        return CollectionConfiguration(vectors: ["": vector])
    }

    /// Searches for the first query, on an engine that has just been opened. Throws when it doesn't find k points.
    static func firstSearch(_ engine: Engine, _ dataset: Dataset) throws {
        let query = Query(.nearest(.vector(.dense(Array(dataset.queries.row(0))))), limit: dataset.judge.k)
        let found = try engine.query(collection, QueryRequest(query)).points
        guard found.count == dataset.judge.k else {
            throw BenchError("the reopened engine found \(found.count) points")
        }
    }

    private func requests(ef: Int, k: Int, filter: ((Int) -> Filter)?) -> [QueryRequest] {
        var parameters = SearchParameters()
        parameters.hnswEf = ef > 0 ? ef : nil
        return (0..<dataset.queries.count).map { query in
            var asked = Query(
                .nearest(.vector(.dense(Array(dataset.queries.row(query))))), filter: filter?(query), limit: k)
            asked.parameters = parameters
            return QueryRequest(asked)
        }
    }

    /// The plan that most queries take.
    func commonPlan(ef: Int, k: Int, filter: Dataset.FilterCase) throws -> String {
        var plans: OrderedDictionary<String, Int> = [:]
        for var request in requests(ef: ef, k: k, filter: { filter.filter(for: $0) }) {
            request.explain = true
            if let explanation = try engine.query(Self.collection, request).explanation {
                plans[explanation.method.rawValue, default: 0] += 1
            }
        }
        return plans.max { $0.value < $1.value }?.key ?? ""
    }

    /// One pass over the queries. `ef` 0 takes the engine's default.
    func pass(
        ef: Int, k: Int, threads: Int, filter: (@Sendable (Int) -> Filter)? = nil, ids: inout [Int64]
    ) throws -> TimedPass {
        let requests = requests(ef: ef, k: k, filter: filter)
        return try TimedPass.run(queries: requests.count, k: k, threads: threads, ids: &ids) { [engine] query, out in
            let results = try engine.query(Self.collection, requests[query]).points
            for (place, point) in results.enumerated() where place < out.count {
                if case .number(let id) = point.id { out[place] = Int64(id) }
            }
        }
    }
}

extension Dataset {
    /// The point of a row: its number is its id.
    func point(_ row: Int) -> PointStruct {
        PointStruct(
            id: .number(UInt64(row)), vectors: ["": .dense(Array(rows.row(row)))],
            payload: payloads.isEmpty ? .empty : payloads[row])
    }

    /// The payload indexes that the filters ask for, by key.
    var payloadIndexes: [(key: String, type: PayloadFieldType)] {
        var types: OrderedDictionary<String, PayloadFieldType> = [:]
        func visit(_ filter: Filter) {
            for condition in filter.must + filter.should + filter.mustNot {
                switch condition {
                case .filter(let inner): visit(inner)
                case .field(let path, .match(.integer)), .field(let path, .matchAny(.integers)):
                    types[path.text] = .integer
                case .field(let path, .match(.bool)): types[path.text] = .bool
                case .field(let path, .match), .field(let path, .matchAny): types[path.text] = .keyword
                case .field(let path, .datetimeRange): types[path.text] = .datetime
                case .field(let path, .range):
                    let sample = payloads.prefix(1000).compactMap { $0.value[path.text] }
                    types[path.text] = sample.allSatisfy { $0.integerValue != nil } ? .integer : .float
                default: break
                }
            }
        }
        for filterCase in filters { filterCase.filters.prefix(1).forEach(visit) }
        return types.map { ($0.key, $0.value) }
    }
}
