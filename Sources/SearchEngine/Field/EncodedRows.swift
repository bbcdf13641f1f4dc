/// Rows as they are stored, one after another, of one length or each of its own.
package struct EncodedRows: Sendable {
    /// Bytes of each row; `nil` where rows differ in length.
    package let rowBytes: Int?
    package private(set) var bytes: [UInt8] = []
    package private(set) var count = 0
    /// Where each row ends. Empty for rows of one length.
    private var ends: [Int] = []

    package init(rowBytes: Int?) { self.rowBytes = rowBytes }

    /// - Precondition: `row` has `rowBytes` bytes.
    package mutating func append(_ row: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: row)
        count += 1
        if let rowBytes {
            precondition(row.count == rowBytes, "a row of \(row.count) bytes where \(rowBytes) are stored")
        } else {
            ends.append(bytes.count)
        }
    }

    /// Appends what stands for a point without the vector: zeros, or no bytes where rows differ in length.
    package mutating func appendMissing(_ missing: Int = 1) {
        guard missing > 0 else { return }
        count += missing
        if let rowBytes {
            bytes.append(contentsOf: repeatElement(0, count: missing * rowBytes))
        } else {
            ends.append(contentsOf: repeatElement(bytes.count, count: missing))
        }
    }

    /// Makes room for so many rows; of rows that differ in length, for their ends.
    mutating func reserveCapacity(_ count: Int) {
        if let rowBytes { bytes.reserveCapacity(count * rowBytes) } else { ends.reserveCapacity(count) }
    }

    /// Keeps the memory.
    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        count = 0
    }

    /// Where the bytes of a row are among `bytes`.
    package func range(_ row: Int) -> Range<Int> {
        if let rowBytes { return row * rowBytes..<(row + 1) * rowBytes }
        return (row == 0 ? 0 : ends[row - 1])..<ends[row]
    }

    package func withRow<T>(_ row: Int, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
        let range = range(row)
        return try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
}
