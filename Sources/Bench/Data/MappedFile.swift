import Foundation

/// A file mapped read-only, with bounds-checked reads of little-endian numbers.
///
/// The file must not shrink while it is mapped.
package final class MappedFile: @unchecked Sendable {  // The mapping is read-only and lives as long as the object.
    package let path: String
    package let count: Int
    let base: UnsafeRawPointer

    /// Throws `BenchError` when the file can't be opened or is empty.
    init(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw BenchError("\(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw BenchError("\(path): is not a regular file")
        }
        guard status.st_size > 0 else { throw BenchError("\(path): the file is empty") }
        let size = Int(status.st_size)
        guard let address = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0), address != MAP_FAILED else {
            throw BenchError("\(path): can't be mapped: \(String(cString: strerror(errno)))")
        }
        self.path = path
        count = size
        base = UnsafeRawPointer(address)
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: base), count) }

    /// Reads an integer at a byte offset. Throws when it doesn't lie inside the file.
    func integer<Value: FixedWidthInteger>(_ type: Value.Type, at offset: Int) throws -> Value {
        try check(offset, MemoryLayout<Value>.size)
        return Value(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    /// The bytes of a range. Throws when they don't lie inside the file.
    func bytes(at offset: Int, count: Int) throws -> UnsafeRawBufferPointer {
        try check(offset, count)
        return UnsafeRawBufferPointer(start: base + offset, count: count)
    }

    private func check(_ offset: Int, _ length: Int) throws {
        guard offset >= 0, length >= 0, offset <= count, length <= count - offset else {
            throw BenchError("\(path): damaged or cut off: needs \(length) bytes at \(offset), the file has \(count)")
        }
    }
}
