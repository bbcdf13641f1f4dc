/// Rows of numbers inside a mapped file: row i begins at `offset + i * stride` bytes.
package struct MappedMatrix: Sendable {
    package enum Element: String, Sendable {
        case float16, float32, int32, int64

        var bytes: Int {
            switch self {
            case .float16: 2
            case .float32, .int32: 4
            case .int64: 8
            }
        }
    }

    let file: MappedFile
    package let element: Element
    package let rows: Int
    package let columns: Int
    package let offset: Int
    /// Bytes from one row to the next.
    let stride: Int

    /// Throws `BenchError` when the shape is empty or doesn't fit into the file.
    init(file: MappedFile, element: Element, rows: Int, columns: Int, offset: Int, stride: Int? = nil) throws {
        let (rowBytes, rowOverflow) = columns.multipliedReportingOverflow(by: element.bytes)
        guard rows > 0, columns > 0, !rowOverflow else {
            throw BenchError("\(file.path): impossible shape \(rows) × \(columns)")
        }
        let stride = stride ?? rowBytes
        let (last, overflow) = (rows - 1).multipliedReportingOverflow(by: stride)
        let (end, endOverflow) = last.addingReportingOverflow(rowBytes)
        guard !overflow, !endOverflow, offset >= 0, offset <= file.count, end <= file.count - offset else {
            throw BenchError(
                "\(file.path): cut off: \(rows) × \(columns) \(element.rawValue) don't fit into \(file.count) bytes")
        }
        self.file = file
        self.element = element
        self.rows = rows
        self.columns = columns
        self.offset = offset
        self.stride = stride
    }

    /// Widens row `index` into `out`, which has room for `columns` values. Throws for integer matrices.
    func readFloats(_ index: Int, into out: UnsafeMutableBufferPointer<Float>) throws {
        precondition(index >= 0 && index < rows && out.count >= columns)
        let row = file.base + offset + index * stride
        switch element {
        case .float32:
            for column in 0..<columns { out[column] = row.loadUnaligned(fromByteOffset: column * 4, as: Float.self) }
        case .float16:
            for column in 0..<columns {
                out[column] = Float(row.loadUnaligned(fromByteOffset: column * 2, as: Float16.self))
            }
        case .int32, .int64:
            throw BenchError("\(file.path): has \(element.rawValue) elements where float16 or float32 are needed")
        }
    }

    package func floats(_ index: Int) throws -> [Float] {
        var values = [Float](repeating: 0, count: columns)
        try values.withUnsafeMutableBufferPointer { try readFloats(index, into: $0) }
        return values
    }

    /// Row `index` of an integer matrix. Throws for float matrices.
    package func integers(_ index: Int) throws -> [Int] {
        precondition(index >= 0 && index < rows)
        let row = file.base + offset + index * stride
        switch element {
        case .int32:
            return (0..<columns).map { Int(row.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self)) }
        case .int64:
            return (0..<columns).map { Int(row.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self)) }
        case .float16, .float32:
            throw BenchError("\(file.path): has \(element.rawValue) elements where int32 or int64 are needed")
        }
    }

    /// Opens `.npy`, `.fvecs` or `.ivecs` by the file's ending.
    package static func open(_ path: String) throws -> MappedMatrix {
        if path.hasSuffix(".npy") { return try NpyFile.open(path) }
        if path.hasSuffix(".fvecs") { return try VecsFile.open(path, element: .float32) }
        if path.hasSuffix(".ivecs") { return try VecsFile.open(path, element: .int32) }
        throw BenchError("\(path): unknown kind of file; known are .npy, .fvecs and .ivecs")
    }
}
