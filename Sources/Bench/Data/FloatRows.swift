import Foundation

/// Float32 rows without gaps, in an unlinked temporary file that is mapped: resident only as far as they are used.
package final class FloatRows: @unchecked Sendable {  // Written by `init` alone.
    package let count: Int
    package let dimensions: Int
    private let storage: UnsafeMutableRawPointer
    private let storageBytes: Int

    var base: UnsafeRawPointer { UnsafeRawPointer(storage) }

    /// Copies the first `limit` rows of a matrix; with `normalising`, scaled to length 1 (a zero row stays zero).
    ///
    /// Throws `BenchError` for elements that are not finite, and when the temporary file can't be made.
    convenience init(_ matrix: MappedMatrix, limit: Int? = nil, normalising: Bool) throws {
        try self.init(
            count: min(limit ?? matrix.rows, matrix.rows), dimensions: matrix.columns, source: matrix.file.path,
            normalising: normalising, fill: matrix.readFloats)
    }

    /// Rows that `row` makes.
    package convenience init(count: Int, dimensions: Int, normalising: Bool, row: (Int) -> [Float]) throws {
        try self.init(count: count, dimensions: dimensions, source: "rows", normalising: normalising) { index, out in
            _ = out.update(fromContentsOf: row(index))
        }
    }

    private init(
        count: Int, dimensions: Int, source: String, normalising: Bool,
        fill: (Int, UnsafeMutableBufferPointer<Float>) throws -> Void
    ) throws {
        self.count = count
        self.dimensions = dimensions
        storageBytes = count * dimensions * MemoryLayout<Float>.stride
        storage = try mapTemporaryFile(bytes: storageBytes)
        for index in 0..<count {
            let row = UnsafeMutableBufferPointer(start: pointer(index), count: dimensions)
            try fill(index, row)
            var squares = 0.0
            for value in row { squares += Double(value) * Double(value) }
            guard squares.isFinite else { throw BenchError("\(source): row \(index) has NaN or infinity") }
            guard normalising, squares > 0 else { continue }
            let scale = 1 / squares.squareRoot()
            for column in 0..<dimensions { row[column] = Float(Double(row[column]) * scale) }
        }
    }

    deinit { munmap(storage, storageBytes) }

    private func pointer(_ index: Int) -> UnsafeMutablePointer<Float> {
        storage.assumingMemoryBound(to: Float.self) + index * dimensions
    }

    /// Row `index`; valid while the object lives.
    package func row(_ index: Int) -> UnsafeBufferPointer<Float> {
        precondition(index >= 0 && index < count)
        return UnsafeBufferPointer(start: pointer(index), count: dimensions)
    }
}

/// The same rows as float16, rounded to nearest.
final class HalfRows: @unchecked Sendable {  // Written by `init` alone.
    let base: UnsafeRawPointer
    private let bytes: Int

    init(_ rows: FloatRows) throws {
        let values = rows.count * rows.dimensions
        bytes = values * 2
        let storage = try mapTemporaryFile(bytes: bytes)
        let source = rows.base.assumingMemoryBound(to: Float.self)
        let target = storage.assumingMemoryBound(to: Float16.self)
        for index in 0..<values { target[index] = Float16(source[index]) }
        base = UnsafeRawPointer(storage)
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: base), bytes) }
}

/// Maps a new file of zeros that has no name, and so vanishes with the mapping.
private func mapTemporaryFile(bytes: Int) throws -> UnsafeMutableRawPointer {
    var template = Array((NSTemporaryDirectory() + "/trendex-bench-XXXXXX").utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else {
        throw BenchError("\(NSTemporaryDirectory()): no temporary file: \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    unlink(template)
    let failure = posix_fallocate(descriptor, 0, bytes)
    guard failure == 0 else {
        throw BenchError("\(NSTemporaryDirectory()): \(bytes) bytes: \(String(cString: strerror(failure)))")
    }
    guard let address = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), address != MAP_FAILED
    else { throw BenchError("\(bytes) bytes can't be mapped: \(String(cString: strerror(errno)))") }
    return address
}
