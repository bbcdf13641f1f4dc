import Quantization
import VectorIndex

extension DenseField {
    package func freeze() -> any FrozenField {
        FrozenDenseField(
            rows: file.matrix, path: site.rowFile(type: parameters.element.fileType), graph: index.graphImage())
    }

    package func restoreRows(from archive: any IndexByteSource, slotCount: Int) throws {
        let rowBytes = parameters.rowBytes
        let perRead = max(1, (4 << 20) / rowBytes)
        var buffer = [UInt8](repeating: 0, count: min(perRead, slotCount) * rowBytes)
        for start in stride(from: 0, to: slotCount, by: perRead) {
            let count = min(perRead, slotCount - start)
            try buffer.withUnsafeMutableBytes { buffer in
                let rows = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(count * rowBytes)])
                guard try archive.read(into: rows, at: start * rowBytes) == rows.count else {
                    throw EngineError.invalid("The rows of vector `\(name)` are cut off")
                }
                // The row of a slot without this vector may be anything, and a walk scores it all the same. Of a point that has
                // the vector, zeros don't fit the checksum.
                for row in 0..<count {
                    let bytes = UnsafeMutableRawBufferPointer(rebasing: rows[row * rowBytes..<(row + 1) * rowBytes])
                    guard let base = bytes.baseAddress, !parameters.mayStore(base) else { continue }
                    bytes.initializeMemory(as: UInt8.self, repeating: 0)
                }
                try file.write(UnsafeRawBufferPointer(rows), at: start)
            }
        }
        try file.sync()
    }

    package func adopting(
        _ derived: any IndexByteSource, slotCount: Int, absent: [UInt32], seed: UInt64
    ) throws -> any VectorField {
        let saved = try SavedGraph(from: derived, parameters: index.parameters, rowCount: slotCount)
        let index = VectorIndex(saved.parameters)
        index.publish(rows: file.matrix, count: slotCount, absent: absent)
        var random = RandomSource(seed: seed)
        try index.adopt(saved, using: &random)
        return DenseField(self, with: index)
    }

    /// The rows, and half as much for the index file.
    package func copyBytes(rowCount: Int) -> Int { rowCount * parameters.rowBytes * 3 / 2 }
}

private struct FrozenDenseField: FrozenField {
    /// Slots that go out as one piece, at most.
    private static let mostTogether = 4_096
    private static let bytesPerWrite = 8 << 20

    let rows: RowMatrix
    let path: String
    let graph: GraphImage?

    var derived: (any DerivedImage)? { graph }

    func archivedBytes(_ slots: [UInt32]) -> Int { slots.count * rows.rowBytes }

    func archive(_ slots: [UInt32], _ write: (UnsafeRawBufferPointer) throws -> Void) throws {
        try withExtendedLifetime(rows) {
            var index = 0
            while index < slots.count {
                // Neighbouring slots go out as one piece.
                var end = index + 1
                while end < slots.count, slots[end] == slots[end - 1] + 1, end - index < Self.mostTogether { end += 1 }
                try write(
                    UnsafeRawBufferPointer(
                        start: rows.base + Int(slots[index]) * rows.rowBytes, count: (end - index) * rows.rowBytes))
                index = end
            }
        }
    }

    func files(slotCount: Int) -> [FrozenFile] {
        let size = slotCount * rows.rowBytes
        return [
            FrozenFile(path: path, byteCount: size) { [rows] sink in
                try withExtendedLifetime(rows) {
                    for start in stride(from: 0, to: size, by: Self.bytesPerWrite) {
                        try sink(
                            UnsafeRawBufferPointer(
                                start: rows.base + start, count: min(Self.bytesPerWrite, size - start)))
                    }
                }
            }
        ]
    }
}
