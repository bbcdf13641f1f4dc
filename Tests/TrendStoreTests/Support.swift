import Foundation
import JSON
import Logging
import SearchEngine
import Testing
import TrendStore

/// A store in a temporary folder that can be closed and opened again, and goes away with the value.
final class Storage {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("trendstore-\(UUID().uuidString)").path
    private(set) var store: TrendStore

    init() throws { store = try Self.open(path) }

    /// A storage that an earlier program wrote, from an archive beside the tests.
    init(archive: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let files = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Files")
        let tar = Process()
        tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        tar.arguments = ["tar", "xzf", files.appendingPathComponent(archive).path, "-C", path]
        try tar.run()
        tar.waitUntilExit()
        try #require(tar.terminationStatus == 0)
        store = try Self.open(path)
    }

    var engine: Engine { store.engine }

    func reopen() throws {
        try engine.close()
        store = try Self.open(path)
    }

    static func open(_ path: String) throws -> TrendStore { try TrendStore(engine: engine(path)) }

    private static func engine(_ path: String) throws -> Engine {
        var configuration = EngineConfiguration(
            storagePath: path + "/storage", snapshotsPath: path + "/snapshots")
        configuration.indexingThreads = 1
        // Killed processes are tested, not lost power.
        configuration.durability = .normal
        return try Engine(configuration: configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Does something to the engine while no store keeps its collections, as a program without one would.
    func behindItsBack(_ body: (Engine) throws -> Void) throws {
        try engine.close()
        let engine = try Self.engine(path)
        try body(engine)
        try engine.close()
        store = try Self.open(path)
    }

    deinit {
        try? engine.close()
        try? FileManager.default.removeItem(atPath: path)
    }
}

extension TrendStore {
    func allTrends(_ filter: TrendFilter = TrendFilter()) throws -> [Trend] {
        try collect { try listTrends(filter, limit: 100, after: $0) }
    }

    func allIdeas(_ filter: IdeaFilter = IdeaFilter()) throws -> [Idea] {
        try collect { try listIdeas(filter, limit: 100, after: $0) }
    }
}

/// All rows of a listing.
func collect<Row>(_ page: (PageCursor?) throws -> Page<Row>) rethrows -> [Row] {
    var rows: [Row] = []
    var after: PageCursor?
    repeat {
        let page = try page(after)
        rows += page.rows
        after = page.next
    } while after != nil
    return rows
}

/// An embedding along one axis.
func axis(_ index: Int) -> [Float] { (0..<768).map { $0 == index ? 1 : 0 } }

let someScores = IdeaScores(
    marketSize: 80, competition: 35, demand: 71, monetization: 60, feasibility: 55, timeToMarket: 40)

/// Microseconds from the start of 2026.
func moment(_ microseconds: Int64) -> Timestamp { Timestamp(microseconds: 1_767_225_600_000_000 + microseconds) }

extension TrendStore {
    func payload(_ id: UUID, in collection: String) throws -> JSONObject? {
        try engine.retrieve(collection, ids: [id.pointID], payload: .all, vectors: .none).first?.payload?.value
            .objectValue
    }
}

extension UUID {
    var pointID: PointID { PointID(uuid: uuidString)! }
}

/// Cosine similarity.
func similarity(_ a: [Float], _ b: [Float]) -> Float {
    func dot(_ x: [Float], _ y: [Float]) -> Double { zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
    return Float(dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot())
}

func isClose(_ a: [Float]?, _ b: [Float]) -> Bool {
    guard let a, a.count == b.count else { return false }
    let length = b.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    return zip(a, b).allSatisfy { abs(Double($0) - Double($1) / length) < 1e-6 }
}

extension Trend {
    /// Without what the store keeps.
    var asGiven: Trend {
        Trend(
            id: id, title: title, description: description, url: url, source: source, category: category, tags: tags,
            engagementScore: engagementScore, velocity: velocity, discoveredAt: discoveredAt, metadata: metadata)
    }
}

extension Idea {
    /// Without what the store keeps.
    var asGiven: Idea {
        Idea(
            id: id, trendID: trendID, title: title, description: description, scores: scores, analysis: analysis,
            analyzedAt: analyzedAt, status: status)
    }
}
