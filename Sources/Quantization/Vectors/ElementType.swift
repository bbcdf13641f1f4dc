import CVectorKernels

/// How the components of a stored row are held. Rows are unpadded, in the machine's (little-endian) byte order.
public enum ElementType: UInt8, Sendable, Hashable, CaseIterable {
    case float32 = 0
    /// IEEE 754 binary16.
    case float16 = 1
    case uint8 = 2

    /// Bytes of one component.
    public var size: Int {
        switch self {
        case .float32: 4
        case .float16: 2
        case .uint8: 1
        }
    }

    /// Bytes of a row of `dimensions` components.
    public func rowBytes(dimensions: Int) -> Int { dimensions * size }

    /// Writes `vector` as a stored row: float16 rounds to nearest even, uint8 truncates toward zero and saturates.
    ///
    /// - Parameters:
    ///   - vector: `float[dimensions]`.
    ///   - row: `rowBytes(dimensions:)` bytes, aligned to `size`; doesn't overlap `vector`.
    /// - Returns: How many components the type can't hold and so were changed by more than rounding: finite values that
    ///   became infinite (float16), values that were NaN or outside −1 < x < 256 (uint8), none for float32.
    /// - Complexity: O(dimensions).
    @discardableResult
    public func write(_ vector: UnsafePointer<Float>, dimensions: Int, into row: UnsafeMutableRawPointer) -> Int {
        switch self {
        case .float32:
            row.copyMemory(from: vector, byteCount: dimensions * 4)
            return 0
        case .float16:
            return Kernels.best.pointee.f32_to_f16(vector, row.assumingMemoryBound(to: UInt16.self), dimensions)
        case .uint8:
            return Kernels.best.pointee.f32_to_u8(vector, row.assumingMemoryBound(to: UInt8.self), dimensions)
        }
    }

    /// Reads a stored row back as floats; exact for every type.
    ///
    /// - Parameters:
    ///   - row: `rowBytes(dimensions:)` bytes, aligned to `size`.
    ///   - vector: `float[dimensions]`, doesn't overlap `row`.
    /// - Complexity: O(dimensions).
    public func read(_ row: UnsafeRawPointer, dimensions: Int, into vector: UnsafeMutablePointer<Float>) {
        switch self {
        case .float32:
            UnsafeMutableRawPointer(vector).copyMemory(from: row, byteCount: dimensions * 4)
        case .float16:
            Kernels.best.pointee.f16_to_f32(row.assumingMemoryBound(to: UInt16.self), vector, dimensions)
        case .uint8:
            Kernels.best.pointee.u8_to_f32(row.assumingMemoryBound(to: UInt8.self), vector, dimensions)
        }
    }

    /// Reads a stored row back as an array.
    public func read(_ row: UnsafeRawPointer, dimensions: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: dimensions) { buffer, count in
            if let vector = buffer.baseAddress { read(row, dimensions: dimensions, into: vector) }
            count = dimensions
        }
    }

    /// The bytes of `vector` as a stored row, and how many components didn't fit (see `write(_:dimensions:into:)`).
    public func row(of vector: [Float]) -> (bytes: [UInt8], unrepresentable: Int) {
        var unrepresentable = 0
        let byteCount = rowBytes(dimensions: vector.count)
        let bytes = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            if let base = buffer.baseAddress {
                vector.withUnsafeBufferPointer { source in
                    guard let source = source.baseAddress else { return }
                    unrepresentable = write(source, dimensions: vector.count, into: base)
                }
            }
            count = byteCount
        }
        return (bytes, unrepresentable)
    }

    /// `vector` as it would be read back after being stored.
    public func rounded(_ vector: [Float]) -> [Float] {
        if self == .float32 { return vector }
        return row(of: vector).bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return [] }
            return read(base, dimensions: vector.count)
        }
    }
}
