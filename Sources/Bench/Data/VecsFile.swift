/// The TEXMEX form: each row is an int32 with its length and then that many 4-byte elements.
/// Format: http://corpus-texmex.irisa.fr
enum VecsFile {
    /// `element` is `float32` for .fvecs and `int32` for .ivecs. Throws when the rows' lengths differ or the size is odd.
    /// Complexity: O(rows).
    static func open(_ path: String, element: MappedMatrix.Element) throws -> MappedMatrix {
        let file = try MappedFile(path)
        let columns = Int(try file.integer(Int32.self, at: 0))
        guard columns > 0, columns <= 1 << 20 else { throw BenchError("\(path): impossible row length \(columns)") }
        let stride = 4 + columns * 4
        guard file.count % stride == 0 else {
            throw BenchError("\(path): \(file.count) bytes are no whole number of rows of \(columns) elements")
        }
        let rows = file.count / stride
        for row in 0..<rows {
            let length = try file.integer(Int32.self, at: row * stride)
            guard Int(length) == columns else {
                throw BenchError("\(path): row \(row) has \(length) elements, the first one \(columns)")
            }
        }
        return try MappedMatrix(
            file: file, element: element, rows: rows, columns: columns, offset: 4, stride: stride)
    }
}
