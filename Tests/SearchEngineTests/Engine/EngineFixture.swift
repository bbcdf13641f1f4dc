import Foundation
import JSON
import Logging
import OrderedCollections
import SearchEngine

/// A storage folder of a test's own, removed with it, and an engine over it.
final class EngineFixture {
    let folder: String
    private(set) var engine: Engine
    private let durability: EngineConfiguration.Durability
    let fileSystem: any FileSystem
    private let indexingThreads: Int
    private let configure: (inout EngineConfiguration) -> Void

    /// The engine audits no recall in the background, so that tests do it step by step.
    init(
        durability: EngineConfiguration.Durability = .full, fileSystem: any FileSystem = PosixFileSystem(),
        indexingThreads: Int = 1, _ configure: @escaping (inout EngineConfiguration) -> Void = { _ in }
    ) throws {
        folder = NSTemporaryDirectory() + "trendex-test-" + UUID().uuidString
        self.durability = durability
        self.fileSystem = fileSystem
        self.indexingThreads = indexingThreads
        self.configure = configure
        engine = try Self.engine(
            storage: folder + "/storage", durability: durability, fileSystem: fileSystem,
            indexingThreads: indexingThreads, configure)
    }

    deinit {
        try? engine.close()
        try? FileManager.default.removeItem(atPath: folder)
    }

    var storagePath: String { folder + "/storage" }

    /// The caller closes it.
    static func engine(
        storage: String, durability: EngineConfiguration.Durability = .full,
        fileSystem: any FileSystem = PosixFileSystem(), indexingThreads: Int = 1,
        _ configure: (inout EngineConfiguration) -> Void = { _ in }
    ) throws -> Engine {
        var configuration = EngineConfiguration(storagePath: storage, snapshotsPath: storage + "/../snapshots")
        configuration.durability = durability
        configuration.indexingThreads = indexingThreads
        configuration.recallAudits = .off
        configure(&configuration)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return try Engine(configuration: configuration, logger: logger, environment: Environment(files: fileSystem))
    }

    func close() throws { try engine.close() }

    func reopen() throws {
        try engine.close()
        engine = try Self.engine(
            storage: storagePath, durability: durability, fileSystem: fileSystem, indexingThreads: indexingThreads,
            configure)
    }

    /// The storage as a kill at this moment would leave it; nothing may be written meanwhile.
    func copyOfStorage() throws -> String {
        let copy = folder + "/copy-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
        for entry in ["trendex.sqlite3", "trendex.sqlite3-wal", "vectors", "derived"] {
            try FileManager.default.copyItem(atPath: "\(storagePath)/\(entry)", toPath: "\(copy)/\(entry)")
        }
        return copy
    }

    /// Waits until every point is linked and no compaction is under way.
    func waitUntilGreen(_ collection: String) throws {
        let deadline = Date().addingTimeInterval(600)
        while try engine.collectionInfo(collection).status != .green {
            guard Date() < deadline else { throw EngineError.timeout("\(collection) doesn't become green") }
            Thread.sleep(forTimeInterval: 0.01)
        }
    }
}

extension CollectionConfiguration {
    static func unnamed(_ size: Int, _ distance: Distance = .cosine) -> CollectionConfiguration {
        CollectionConfiguration(vectors: ["": VectorParameters(size: size, distance: distance)])
    }
}

extension PointStruct {
    init(_ id: UInt64, _ vector: [Float], _ payload: JSONValue = .object([:])) {
        self.init(id: .number(id), vectors: ["": .dense(vector)], payload: Payload(payload))
    }
}

extension QueryRequest {
    init(nearest vector: QueryVector, using name: String? = nil, filter: Filter? = nil, limit: Int = 10) {
        self.init(Query(.nearest(vector), using: name, filter: filter, limit: limit))
    }
}
