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

/// A matrix as its file stores it: little-endian bytes, row after row.
struct StoredMatrix: Equatable {
    let element: MappedMatrix.Element
    let rows: Int
    let columns: Int
    let values: [UInt8]

    /// What the reader says of the matrix, put into the file's form again.
    init(reading matrix: MappedMatrix) throws {
        element = matrix.element
        rows = matrix.rows
        columns = matrix.columns
        values = try (0..<matrix.rows).flatMap { row -> [UInt8] in
            switch matrix.element {
            // A NaN may change while it is widened to a float and narrowed again; it stays a NaN.
            case .float16: bytes(of: try matrix.floats(row).map { $0.isNaN ? .nan : Float16($0) })
            case .float32: bytes(of: try matrix.floats(row).map { $0.isNaN ? .nan : $0 })
            case .int32: bytes(of: try matrix.integers(row).map(Int32.init))
            case .int64: bytes(of: try matrix.integers(row).map(Int64.init))
            }
        }
    }

    /// The same matrix, its values taken from the file's bytes without the reader; `nil` when it doesn't lie inside them.
    init?(_ matrix: MappedMatrix, in file: [UInt8]) {
        element = matrix.element
        rows = matrix.rows
        columns = matrix.columns
        let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
        guard !overflow, count <= file.count, matrix.offset >= 0 else { return nil }
        let width = count * Self.width(element)
        guard matrix.offset + width <= file.count else { return nil }
        let stored = Array(file[matrix.offset..<matrix.offset + width])
        values =
            switch element {
            case .float16: bytes(of: Self.numbers(stored, as: Float16.self).map { $0.isNaN ? .nan : $0 })
            case .float32: bytes(of: Self.numbers(stored, as: Float.self).map { $0.isNaN ? .nan : $0 })
            case .int32, .int64: stored
            }
    }

    private static func numbers<Value>(_ stored: [UInt8], as type: Value.Type) -> [Value] {
        stored.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: MemoryLayout<Value>.size).map {
                bytes.loadUnaligned(fromByteOffset: $0, as: type)
            }
        }
    }

    private static func width(_ element: MappedMatrix.Element) -> Int {
        switch element {
        case .float16: 2
        case .float32, .int32: 4
        case .int64: 8
        }
    }
}

/// Reads a whole matrix and expects the values that `file`'s bytes have there, none of them from outside of the file.
@discardableResult
func expectHonest(
    _ matrix: MappedMatrix, _ file: [UInt8], _ note: Comment, location: SourceLocation = #_sourceLocation
) throws -> StoredMatrix {
    // Asked first: what lies outside of the file can't be read without harm.
    let stored = try #require(StoredMatrix(matrix, in: file), note, sourceLocation: location)
    #expect(try StoredMatrix(reading: matrix) == stored, note, sourceLocation: location)
    return stored
}

/// What `body` answers, or `nil` where it refuses a file. The sentence must name the file.
func unlessRefused<Value>(
    _ path: String, _ note: Comment, location: SourceLocation = #_sourceLocation, _ body: () throws -> Value
) throws -> Value? {
    do {
        return try body()
    } catch let error as BenchError {
        #expect(error.description.contains(path), note, sourceLocation: location)
        return nil
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
