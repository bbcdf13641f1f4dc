import Foundation

/// A whole HTTP/1.1 answer at the beginning of what came in.
///
/// Reads bytes, not strings: the client's share of the machine is taken from the server that it measures.
package struct HTTPAnswer {
    package var status: Int
    package var body: [UInt8]
    /// Bytes of head and body together.
    package private(set) var length: Int

    /// `nil` while bytes are missing. Throws `BenchError` for what is no HTTP.
    package init?(_ bytes: UnsafeRawBufferPointer) throws {
        guard let headEnd = Self.headEnd(bytes) else { return nil }
        let head = UnsafeRawBufferPointer(rebasing: bytes[..<headEnd])
        status = try Self.status(head)
        let rest = UnsafeRawBufferPointer(rebasing: bytes[headEnd...])
        if let coding = Self.field("transfer-encoding", head), Self.matches(coding, "chunked") {
            guard let chunks = try Self.chunks(rest) else { return nil }
            body = chunks.body
            length = headEnd + chunks.length
            return
        }
        let announced = Self.field("content-length", head).map { Int(String(decoding: $0, as: UTF8.self)) ?? -1 }
        guard let count = announced ?? (status == 204 ? 0 : nil), count >= 0 else {
            throw BenchError("the answer has no length")
        }
        guard rest.count >= count else { return nil }
        body = Array(rest[..<count])
        length = headEnd + count
    }

    /// Behind the empty line.
    private static func headEnd(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var index = 3
        while index < bytes.count {
            if bytes[index] == 10, bytes[index - 1] == 13, bytes[index - 2] == 10, bytes[index - 3] == 13 {
                return index + 1
            }
            index += 1
        }
        return nil
    }

    /// `HTTP/1.1 200 …`
    private static func status(_ head: UnsafeRawBufferPointer) throws -> Int {
        guard head.count >= 12, head[..<7].elementsEqual("HTTP/1.".utf8), head[8] == 0x20,
            let status = Int(String(decoding: head[9..<12], as: UTF8.self))
        else { throw BenchError("the answer is not HTTP: \(String(decoding: head.prefix(80), as: UTF8.self))") }
        return status
    }

    /// The value of the first field of a name, which is given in lower case.
    private static func field(_ name: StaticString, _ head: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer>? {
        let count = name.utf8CodeUnitCount
        var index = 0
        while index + count < head.count {
            if head[index] == 10, head.count - index > count + 1, head[index + 1 + count] == UInt8(ascii: ":"),
                matches(head[(index + 1)...].prefix(count), name)
            {
                let value = head[(index + count + 2)...].prefix { $0 != 13 }
                return value.drop { $0 == 0x20 }
            }
            index += 1
        }
        return nil
    }

    /// Whether letters are equal but for their case; other bytes of `name` must differ in no bit but that of the case.
    private static func matches(_ bytes: Slice<UnsafeRawBufferPointer>, _ name: StaticString) -> Bool {
        guard bytes.count == name.utf8CodeUnitCount else { return false }
        for (offset, byte) in bytes.enumerated() where byte | 0x20 != name.utf8Start[offset] { return false }
        return true
    }

    private static func chunks(_ bytes: UnsafeRawBufferPointer) throws -> (body: [UInt8], length: Int)? {
        var body: [UInt8] = []
        var index = 0
        /// Up to the end of the line, which is passed.
        func line() -> Slice<UnsafeRawBufferPointer>? {
            guard let end = bytes[index...].firstIndex(of: 10) else { return nil }
            defer { index = end + 1 }
            return bytes[index..<end].prefix { $0 != 13 }
        }
        while true {
            guard let size = line() else { return nil }
            let digits = String(decoding: size.prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self)
            guard let count = Int(digits, radix: 16), count >= 0 else {
                throw BenchError("the answer has a malformed chunk")
            }
            guard bytes.count - index >= count else { return nil }
            body += bytes[index..<index + count]
            index += count
            if count > 0 {
                guard line() != nil else { return nil }
            } else {
                while true {
                    guard let trailer = line() else { return nil }
                    if trailer.isEmpty { return (body, index) }
                }
            }
        }
    }
}
