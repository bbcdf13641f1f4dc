import Foundation
import JSON
import NIOCore
import NIOPosix
import Testing

/// A connection that a test speaks byte by byte: a WebSocket's frames, or the lines of server-sent events.
final class EventSocket {
    typealias Channel = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    struct Frame: Equatable {
        var opcode: UInt8
        var data: [UInt8]

        var json: JSONValue { (try? JSONValue(parsing: data)) ?? .null }
        var text: String { String(decoding: data, as: UTF8.self) }
        /// Of a close frame.
        var code: Int? { opcode == 8 && data.count >= 2 ? Int(data[0]) << 8 | Int(data[1]) : nil }
    }

    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var received = ByteBuffer()

    private init(
        _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>, _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        self.inbound = inbound.makeAsyncIterator()
        self.outbound = outbound
    }

    /// Connects and runs `body`.
    static func with(_ server: TestServer, _ body: (EventSocket) async throws -> Void) async throws {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: server.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try Channel(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        try await channel.executeThenClose { inbound, outbound in
            try await body(EventSocket(inbound, outbound))
        }
    }

    /// The same with a WebSocket on which the handshake is done, and the greeting `hello` read.
    static func webSocket(
        _ server: TestServer, _ path: String = "/ws", _ body: (EventSocket) async throws -> Void
    ) async throws {
        try await with(server) { socket in
            let head = try await socket.handshake(path)
            #expect(head.hasPrefix("HTTP/1.1 101 "), "\(head)")
            let hello = try await socket.message()
            #expect(hello["type"] == "hello" && hello["sequence"]?.integerValue != nil)
            try await body(socket)
        }
    }

    /// Asks for a WebSocket, and answers the head of the answer.
    func handshake(_ path: String, _ headers: String = "") async throws -> String {
        // The key and its answer of RFC 6455, section 1.3.
        try await write(
            "GET \(path) HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\(headers)\r\n")
        return try await head()
    }

    /// Reads up to an empty line.
    func head() async throws -> String { try await text(upTo: "\r\n\r\n") }

    func text(upTo end: String) async throws -> String {
        while true {
            let bytes = Array(received.readableBytesView)
            if let range = bytes.firstRange(of: Array(end.utf8)) {
                received.moveReaderIndex(forwardBy: range.upperBound)
                return String(decoding: bytes[..<range.upperBound], as: UTF8.self)
            }
            guard try await more() else { throw Ended(text: String(decoding: bytes, as: UTF8.self)) }
        }
    }

    struct Ended: Error {
        var text: String
    }

    private func more() async throws -> Bool {
        do {
            guard var chunk = try await inbound.next() else { return false }
            received.writeBuffer(&chunk)
            return true
        } catch is IOError {
            return false
        }
    }

    /// Says that nothing more is sent.
    func finish() { outbound.finish() }

    func write(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }
    func write(_ bytes: [UInt8]) async throws { try await outbound.write(ByteBuffer(bytes: bytes)) }

    /// A frame as a client sends it; `first` is its first byte.
    static func frame(_ first: UInt8, _ data: [UInt8], isMasked: Bool = true) -> [UInt8] {
        let mask: UInt8 = isMasked ? 0x80 : 0
        var frame = [first]
        switch data.count {
        case ..<126: frame.append(mask | UInt8(data.count))
        case ..<65_536: frame += [mask | 126, UInt8(data.count >> 8), UInt8(data.count & 255)]
        default: frame += [mask | 127] + (0..<8).map { UInt8(data.count >> (56 - 8 * $0) & 255) }
        }
        guard isMasked else { return frame + data }
        let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
        return frame + key + data.enumerated().map { $1 ^ key[$0 % 4] }
    }

    func send(_ text: String) async throws { try await write(Self.frame(0x81, Array(text.utf8))) }

    /// The next frame of the server; `nil` at the end of the connection.
    func frame() async throws -> Frame? {
        while true {
            var buffer = received
            if let first = buffer.readInteger(as: UInt8.self), let second = buffer.readInteger(as: UInt8.self) {
                // Complete, without reserved bits, and not masked.
                #expect(first & 0xF0 == 0x80 && second & 0x80 == 0)
                let length: Int? =
                    switch second {
                    case 126: buffer.readInteger(as: UInt16.self).map { Int($0) }
                    case 127: buffer.readInteger(as: UInt64.self).map { Int($0) }
                    default: Int(second)
                    }
                if let length, let data = buffer.readBytes(length: length) {
                    received = buffer
                    return Frame(opcode: first & 15, data: data)
                }
            }
            guard try await more() else { return nil }
        }
    }

    /// The next message; pings are passed over.
    func message() async throws -> JSONValue {
        while let frame = try await frame() {
            if frame.opcode == 1 { return frame.json }
            guard frame.opcode == 9 else { throw Ended(text: "\(frame)") }
        }
        throw Ended(text: "")
    }

    /// Reads to the close frame, and answers its code; `nil` if there is none.
    func closeCode() async throws -> Int? {
        while let frame = try await frame() {
            if frame.opcode == 8 { return frame.code }
        }
        return nil
    }

    /// The next server-sent event that isn't only a comment, as its fields.
    func event() async throws -> [String: String] {
        while true {
            let text = try await text(upTo: "\n\n")
            var fields: [String: String] = [:]
            // The sizes of chunks stand on lines of their own.
            for line in text.split(whereSeparator: \.isNewline) where line.contains(": ") && !line.hasPrefix(":") {
                let (name, value) = (line.prefix { $0 != ":" }, line.drop { $0 != ":" }.dropFirst(2))
                fields[String(name)] = String(value)
            }
            if !fields.isEmpty { return fields }
        }
    }
}
