import JSON
import SearchEngine
import Services
import Simulation
import TestSupport
import Testing

/// Operations without a transport.
@Suite struct OperationTests {
    private let machine = SimulatedMachine(seed: SeededGenerator().seed)
    private let caller = Caller(.unrestricted)

    private func services(_ configure: (inout CollectionDefaults) -> Void = { _ in }) throws -> Services {
        var defaults = CollectionDefaults()
        configure(&defaults)
        return try Services(
            engine: try machine.open(), collectionDefaults: defaults, keys: APIKeys(apiKey: nil, readOnlyKey: nil))
    }

    private func failure(_ body: () throws -> Void) -> ServiceError? {
        do { try body() } catch { return error as? ServiceError }
        return nil
    }

    private func new(_ size: Int = 4, _ change: (inout NewCollection) -> Void = { _ in }) -> NewCollection {
        var collection = NewCollection()
        collection.vectors = ["": VectorParameters(size: size, distance: .dot)]
        change(&collection)
        return collection
    }

    private func update(_ services: Services, _ name: String, _ operations: [UpdateOperation]) throws {
        let pending = try PointOperations.update(CollectionRequest(name, operations), by: caller, services)
        nonisolated(unsafe) var result: Result<[UpdateResult], any Error>?
        pending.commit { result = $0 }
        machine.executor.run(for: .milliseconds(100))
        #expect(try #require(result).get().count == operations.count)
    }

    @Test func whatIsLeftOutComesFromTheDefaults() throws {
        let services = try services {
            $0.hnsw.m = 24
            $0.vectorsOnDisk = true
            $0.onDiskPayload = false
            $0.shardNumber = 3
            $0.wal["wal_capacity_mb"] = 64
        }
        let collection = new {
            $0.hnsw = HNSWConfiguration(efConstruct: 200)
            $0.wal = ["wal_segments_ahead": 2]
        }
        try CollectionOperations.create(CollectionRequest("c", collection), by: caller, services)
        let configuration = try CollectionOperations.info("c", by: caller, services).configuration
        #expect(configuration.hnsw.m == 24 && configuration.hnsw.efConstruct == 200)
        #expect(configuration.vectors[""]?.onDisk == true && !configuration.onDiskPayload)
        #expect(configuration.shardNumber == 3)
        #expect(configuration.wal == ["wal_capacity_mb": 64, "wal_segments_ahead": 2])
        try services.engine.close()
    }

    @Test func pointsComeAndAreFound() throws {
        let services = try services()
        try CollectionOperations.create(CollectionRequest("c", new()), by: caller, services)
        let points = (0..<10).map { (id: UInt64) in PointStruct(id: .number(id), vectors: ["": [Float(id), 1, 0, 0]]) }
        try update(services, "c", [.upsert(points), .delete(.ids([.number(9)]))])
        let queries = [Query(.nearest(.vector([1, 0, 0, 0])), limit: 2), Query()].map { QueryRequest($0) }
        let found = try QueryOperations.query(CollectionRequest("c", queries), by: caller, services)
        #expect(found[0].points.map(\.id) == [.number(8), .number(7)])
        #expect(found[0].points.allSatisfy { $0.score != nil })
        #expect(found[1].points.map(\.id) == (0..<9).map { .number($0) })
        #expect(found[1].points.allSatisfy { $0.score == nil })
        #expect(try PointOperations.count(CollectionRequest("c", .init()), by: caller, services) == 9)
        #expect(
            failure { _ = try PointOperations.point(CollectionRequest("c", .number(9)), by: caller, services) }?.code
                == .notFound)
        try services.engine.close()
    }

    /// Each kind of wrong value is told with its code and the path of its member.
    @Test func whatIsWrongIsNamed() throws {
        let services = try services()
        try CollectionOperations.create(CollectionRequest("c", new()), by: caller, services)
        func creation(_ name: String = "d", _ size: Int = 4, _ change: (inout NewCollection) -> Void) -> ServiceError? {
            failure {
                try CollectionOperations.create(CollectionRequest(name, new(size, change)), by: caller, services)
            }
        }
        func query(_ queries: [Query]) -> ServiceError? {
            failure {
                let requests = queries.map { QueryRequest($0) }
                _ = try QueryOperations.query(CollectionRequest("c", requests), by: caller, services)
            }
        }
        func changed(_ change: (inout Query) -> Void) -> Query {
            var query = Query(.nearest(.vector([1, 0, 0, 0])))
            change(&query)
            return query
        }
        func change(_ operation: UpdateOperation) -> ServiceError? {
            failure { _ = try PointOperations.update(CollectionRequest("c", [operation]), by: caller, services) }
        }
        func update(_ change: (inout CollectionUpdate) -> Void) -> ServiceError? {
            var update = CollectionUpdate()
            change(&update)
            return failure {
                try CollectionOperations.update(CollectionRequest("c", update), by: caller, services)
            }
        }
        let wrong: [(ServiceError?, ServiceError.Code, String?)] = [
            (creation("c") { _ in }, .conflict, nil),
            (creation("a/b") { _ in }, .outOfRange, "name"),
            (creation(String(repeating: "x", count: 256)) { _ in }, .outOfRange, "name"),
            (creation("d", 0) { _ in }, .outOfRange, "vectors.size"),
            (creation("d", 65_537) { _ in }, .outOfRange, "vectors.size"),
            (creation { $0.hnsw = HNSWConfiguration(efConstruct: 3) }, .outOfRange, "hnsw_config.ef_construct"),
            (
                creation { $0.hnsw = HNSWConfiguration(fullScanThreshold: 9) }, .outOfRange,
                "hnsw_config.full_scan_threshold"
            ),
            (creation { $0.hnsw = HNSWConfiguration(recall: 1.5) }, .outOfRange, "hnsw_config.recall"),
            (
                creation { $0.vectors[""]!.hnsw = HNSWConfiguration(fullScanThreshold: 1) }, .outOfRange,
                "vectors.hnsw_config.full_scan_threshold"
            ),
            (
                creation { $0.quantization = .scalar(.init(quantile: 0.4)) }, .outOfRange,
                "quantization_config.scalar.quantile"
            ),
            (creation { $0.shardNumber = 0 }, .outOfRange, "shard_number"),
            (creation { $0.optimizers = ["deleted_threshold": 2] }, .outOfRange, "optimizers_config.deleted_threshold"),
            (creation { $0.optimizers = ["prevent_unoptimized": true] }, .unsupported, nil),
            (creation { $0.wal = ["wal_capacity_mb": 0] }, .outOfRange, "wal_config.wal_capacity_mb"),
            (
                creation { $0.strictMode = ["max_disk_usage_percent": 101] }, .outOfRange,
                "strict_mode_config.max_disk_usage_percent"
            ),
            (
                update { $0.hnsw = HNSWConfiguration(fullScanThreshold: 9) }, .outOfRange,
                "hnsw_config.full_scan_threshold"
            ),
            (update { $0.vectors["none"] = .init() }, .invalid, nil),
            (query([changed { $0.limit = 0 }]), .outOfRange, "limit"),
            (query([changed { _ in }, changed { $0.limit = 0 }]), .outOfRange, "searches[1].limit"),
            (query([changed { $0.parameters.hnswEf = 0 }]), .outOfRange, "params.hnsw_ef"),
            (
                query([changed { $0.parameters.oversampling = 0.5 }]), .outOfRange,
                "params.quantization.oversampling"
            ),
            (
                query([changed { $0.parameters.oversampling = .nan }]), .outOfRange,
                "params.quantization.oversampling"
            ),
            (query([changed { $0.parameters.recall = 0 }]), .outOfRange, "params.recall"),
            (
                query([
                    changed {
                        $0.ranking = .byID(from: nil); $0.using = "x"
                    }
                ]), .invalid, nil
            ),
            (
                query([
                    changed {
                        $0.ranking = .byID(from: nil); $0.scoreThreshold = 1
                    }
                ]), .invalid, nil
            ),
            (query([changed { $0.ranking = .nearest(.vector([1])) }]), .invalid, nil),
            (change(.updateVectors([])), .outOfRange, "points"),
            (change(.deleteVectors(.ids([]), names: [])), .outOfRange, "vector"),
            (failure { _ = try Caller(.unrestricted, arrival: .now, timeout: 0) }, .outOfRange, "timeout"),
            (failure { _ = try CollectionOperations.info("none", by: caller, services) }, .notFound, nil),
        ]
        for (number, (error, code, field)) in wrong.enumerated() {
            #expect(error?.code == code && error?.field == field, "case \(number): \(String(describing: error))")
            #expect(error?.message.isEmpty == false)
        }
        var scroll = PointOperations.Scroll()
        scroll.limit = 0
        #expect(
            failure { _ = try PointOperations.scroll(CollectionRequest("c", scroll), by: caller, services) }?.field
                == "limit")
        scroll.limit = 1
        scroll.offset = .number(1)
        scroll.orderBy = OrderBy(key: try PayloadPath("n"))
        #expect(
            failure { _ = try PointOperations.scroll(CollectionRequest("c", scroll), by: caller, services) }?.code
                == .invalid)
        #expect(try CollectionOperations.list((), by: caller, services) == ["c"], "nothing is half done")
        try services.engine.close()
    }

    @Test func columnsFitTogether() throws {
        var columns = PointColumns(ids: [.number(1), .number(2)])
        columns.named = ["a": [[1], [2]], "b": [[3], [4]]]
        let points = try columns.points()
        #expect(points.map(\.vectors) == [["a": [1], "b": [3]], ["a": [2], "b": [4]]])
        columns.payloads = [.empty]
        #expect(failure { _ = try columns.points() }?.field == "batch")
        columns.payloads = nil
        columns.unnamed = [[1]]
        #expect(failure { _ = try columns.points() }?.field == "batch")
    }
}
