import Foundation
import Quantization

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
            normalising: normalising
        ) { try matrix.readFloats($0, into: $1) }
    }

    /// Rows that `row` makes.
    package convenience init(count: Int, dimensions: Int, normalising: Bool, row: (Int) -> [Float]) throws {
        try self.init(count: count, dimensions: dimensions, source: "rows", normalising: normalising) { index, out in
            _ = out.update(fromContentsOf: row(index))
        }
    }

    /// Rows that `fill` writes into their places, which hold zeros, one after the other; then normalised, and rounded to
    /// what `element` holds.
    ///
    /// Throws `BenchError` for elements that are not finite or don't fit, and when the temporary file can't be made.
    /// `source` is the name of the rows in errors.
    init(
        count: Int, dimensions: Int, source: String, normalising: Bool, element: ElementType = .float32,
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
            if normalising, squares > 0 {
                let scale = 1 / squares.squareRoot()
                for column in 0..<dimensions { row[column] = Float(Double(row[column]) * scale) }
            }
            guard element != .float32 else { continue }
            let rounded = element.rounded(Array(row))
            guard rounded.allSatisfy(\.isFinite) else { throw BenchError("\(source): row \(index) exceeds \(element)") }
            _ = row.update(fromContentsOf: rounded)
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

/// The same rows as the index stores them in another element type than float32.
final class PackedRows: @unchecked Sendable {  // Written by `init` alone.
    let base: UnsafeRawPointer
    private let byteCount: Int

    /// Throws `BenchError` for rows that have values out of the type's range.
    init(_ rows: FloatRows, _ element: ElementType) throws {
        let rowBytes = element.rowBytes(dimensions: rows.dimensions)
        byteCount = rows.count * rowBytes
        let storage = try mapTemporaryFile(bytes: byteCount)
        base = UnsafeRawPointer(storage)
        for index in 0..<rows.count {
            guard let row = rows.row(index).baseAddress else { continue }
            let misfits = element.write(row, dimensions: rows.dimensions, into: storage + index * rowBytes)
            guard misfits == 0 else {
                throw BenchError("row \(index) has \(misfits) values that don't fit into \(element)")
            }
        }
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: base), byteCount) }
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
