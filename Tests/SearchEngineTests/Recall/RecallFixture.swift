import Foundation
import JSON
import Logging
import SearchEngine
import Synchronization
import TestSupport
import Testing
import VectorIndex

/// Clustered vectors.
struct Clusters {
    private let centers: [[Float]]
    private let spread: Float

    /// - Parameters:
    ///   - spread: how far points lie from their centre, against centres of −1…1.
    init(_ count: Int, dimensions: Int, spread: Float, _ random: inout SeededGenerator) {
        centers = (0..<count).map { _ in random.vector(dimensions) }
        self.spread = spread
    }

    func vector(_ random: inout SeededGenerator) -> [Float] {
        let center = centers[Int.random(in: 0..<centers.count, using: &random)]
        return center.map { $0 + spread * Float.random(in: -1...1, using: &random) }
    }

    /// Between 0 and 255, as uint8 rows take them.
    func byteVector(_ random: inout SeededGenerator) -> [Float] {
        vector(&random).map { min(max(127 + 60 * $0, 0), 255).rounded() }
    }
}

extension EngineFixture {
    /// Dimensions of ``clustered(_:_:_:)``.
    static let clusteredDimensions = 32

    /// A collection `c` of 3,000 clustered points with a sparse graph: wide walks find nearly all, narrow ones don't.
    static func clustered(
        _ distance: Distance, _ random: inout SeededGenerator, _ datatype: VectorDatatype = .float32
    ) throws -> EngineFixture {
        let fixture = try EngineFixture()
        let vector = VectorParameters(
            size: clusteredDimensions, distance: distance, datatype: datatype,
            hnsw: HNSWConfiguration(m: 4, efConstruct: 16))
        try fixture.engine.createCollection("c", CollectionConfiguration(vectors: ["": vector]))
        let clusters = Clusters(40, dimensions: clusteredDimensions, spread: 0.5, &random)
        try fixture.fill("c", 0..<3_000) { _ in
            datatype == .uint8 ? clusters.byteVector(&random) : clusters.vector(&random)
        }
        return fixture
    }

    func fill(_ collection: String, _ ids: Range<Int>, _ vector: (Int) -> [Float]) throws {
        for start in stride(from: ids.lowerBound, to: ids.upperBound, by: 500) {
            let points = (start..<min(start + 500, ids.upperBound)).map {
                PointStruct(UInt64($0), vector($0), ["n": JSONValue($0)])
            }
            _ = try engine.updateBlocking(collection, [.upsert(points)])
        }
    }

    func field(_ collection: String, _ vector: String = "") throws -> DenseField {
        let collection = try engine.collection(collection)
        return try #require(collection.lock.read { collection.generation.denseField(vector) })
    }

    /// Waits until every point is linked and has been looked for: then an audit may begin.
    func waitUntilSettled(_ collection: String) throws {
        try waitUntilGreen(collection)
        let deadline = Date().addingTimeInterval(600)
        let found = try engine.collection(collection)
        while found.lock.read({ found.generation.denseFields.contains { $0.index.uncheckedCount > 0 } }) {
            guard Date() < deadline else { throw EngineError.timeout("\(collection) isn't looked through") }
            Thread.sleep(forTimeInterval: 0.01)
        }
    }

    /// Runs one audit to its end. Returns its queries; none if no audit was due.
    func audit(_ collection: String, _ auditor: inout RecallAuditor) throws -> [SampleQuery] {
        try waitUntilSettled(collection)
        let found = try engine.collection(collection)
        var queries: [SampleQuery] = []
        var batch: [SampleQuery] = []
        while true {
            switch auditor.step({ [found] }) {
            case .idle: return queries
            case .finished: return queries
            case .gaveUp: throw EngineError.unavailable("the audit was given up")
            case .worked:
                if auditor.queries != batch { queries += auditor.queries }
                batch = auditor.queries
            }
        }
    }
}

extension RecallAuditor.Settings {
    /// Few queries, and no mending, so that a test finds the index as the audit found it.
    static func small(_ sample: Int = 64) -> RecallAuditor.Settings {
        var settings = RecallAuditor.Settings()
        settings.sample = sample
        settings.rechecked = 0
        return settings
    }
}
