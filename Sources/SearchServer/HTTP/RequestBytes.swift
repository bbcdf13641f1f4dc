import JSON
import NIOCore

/// A collected body, readable as JSON without a copy.
struct RequestBytes: Sendable {
    var buffer: ByteBuffer

    var count: Int { buffer.readableBytes }
    var isEmpty: Bool { count == 0 }

    func withReader<Value>(_ body: (inout JSONReader) throws -> Value) throws -> Value {
        try buffer.withUnsafeReadableBytes { bytes in
            var reader = JSONReader(bytes.bindMemory(to: UInt8.self))
            return try body(&reader)
        }
    }
}
