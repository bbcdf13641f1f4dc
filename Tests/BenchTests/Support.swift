import Bench
import Foundation
import TestSupport
import Testing

/// Paths of files that a test writes, in a folder that goes with the object.
final class Scratch {
    let folder: String

    init() throws {
        folder = NSTemporaryDirectory() + "/bench-tests-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func write(_ bytes: [UInt8], as name: String) throws -> String {
        let path = folder + "/" + name
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    func write(_ text: String, as name: String) throws -> String { try write(Array(text.utf8), as: name) }
}

/// Bytes of a file that lies beside the tests.
func testFile(_ name: String) throws -> (path: String, bytes: [UInt8]) {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Files/" + name
    return (path, Array(try Data(contentsOf: URL(fileURLWithPath: path))))
}

func bytes<Value>(of values: [Value]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

/// A .npy file of version 1 with this header and data.
func npy(_ header: String, _ data: [UInt8] = [], version: UInt8 = 1) -> [UInt8] {
    let text = Array((header + "\n").utf8)
    let length: [UInt8] =
        version == 1
        ? [UInt8(text.count & 0xFF), UInt8(text.count >> 8)] : bytes(of: [UInt32(text.count).littleEndian])
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + text + data
}

func npyHeader(_ element: String, _ shape: String, fortran: String = "False") -> String {
    "{'descr': '\(element)', 'fortran_order': \(fortran), 'shape': (\(shape)), }"
}

/// The sentence of the error that `body` throws; records a failure when it throws none, or another kind.
func refusal<Value>(_ body: () throws -> Value, location: SourceLocation = #_sourceLocation) -> String {
    do {
        _ = try body()
        Issue.record("nothing was refused", sourceLocation: location)
    } catch let error as BenchError {
        return error.description
    } catch {
        Issue.record("another error: \(error)", sourceLocation: location)
    }
    return ""
}

/// Reads a whole matrix, whatever its elements are.
func readAll(_ matrix: MappedMatrix) throws {
    for row in 0..<matrix.rows {
        switch matrix.element {
        case .float16, .float32: _ = try matrix.floats(row)
        case .int32, .int64: _ = try matrix.integers(row)
        }
    }
}

/// Copies with a few bytes changed, or cut off.
func damaged(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    var copy = bytes
    if Int.random(in: 0..<4, using: &random) == 0 {
        copy.removeLast(Int.random(in: 1..<copy.count, using: &random))
    }
    for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<copy.count, using: &random)
        // Small numbers and all ones make counts and addresses that are wrong in interesting ways.
        copy[place] =
            [0, 1, 2, 8, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &random)][
                Int.random(in: 0..<8, using: &random)]
    }
    return copy
}
