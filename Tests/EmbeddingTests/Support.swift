import Embedding
import Foundation
import JSON
import Testing

/// The files beside the tests.
enum TestFiles {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Files").path
    static let tinyModel = folder + "/tiny"

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name)))
    }

    static func rows(_ name: String) throws -> [JSONValue] {
        try #require(try JSONValue(parsing: bytes(name)).arrayValue)
    }
}

extension ContinuousClock.Instant {
    /// No test waits that long.
    static var never: Self { .now + .seconds(3_600) }
}

func cosine(_ a: [Float], _ b: [Float]) -> Double { zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) } }

/// A copy of the tiny model in a folder of its own, gone afterwards.
func withModelCopy(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.path + "/trendex-model-\(UUID().uuidString)"
    try FileManager.default.copyItem(atPath: TestFiles.tinyModel, toPath: folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
}

func write(_ bytes: [UInt8], to path: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }

/// Expects that a model folder is refused with a reason that holds `text`, or with any.
func expectRefused(_ folder: String, _ text: String?, sourceLocation: SourceLocation = #_sourceLocation) {
    do {
        _ = try MPNetEmbedder(folder: folder)
        Issue.record("The model was loaded", sourceLocation: sourceLocation)
    } catch .invalidModelFolder(let reason) {
        if let text { #expect(reason.contains(text), "\(reason)", sourceLocation: sourceLocation) }
    } catch {
        Issue.record("\(error)", sourceLocation: sourceLocation)
    }
}
