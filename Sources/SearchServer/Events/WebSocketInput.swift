import NIOCore
import NIOWebSocket

/// Puts the frames of a client together to messages, and finds what RFC 6455 forbids.
struct WebSocketInput {
    /// Of a message, in all its fragments.
    static let mostBytes = 64 << 10
    static let mostFragments = 128

    enum Message: Equatable {
        case text([UInt8])
        case ping(ByteBuffer)
        case pong
        /// The client ends the connection, with this code if it gives one.
        case close(UInt16?)
        /// More fragments follow.
        case unfinished
    }

    /// Text that came in fragments so far.
    private var text: [UInt8]?
    private var fragments = 0

    /// Throws a `WebSocketClosure` when the connection has to end.
    mutating func take(_ frame: WebSocketFrame) throws -> Message {
        guard frame.maskKey != nil else { throw WebSocketClosure(.protocolError, "a client's frames must be masked") }
        guard !frame.rsv1, !frame.rsv2, !frame.rsv3 else {
            throw WebSocketClosure(.protocolError, "reserved bits are set, and no extension was agreed on")
        }
        var data = frame.data
        if let key = frame.maskKey { data.webSocketUnmask(key) }
        switch frame.opcode {
        case .text:
            guard text == nil else {
                throw WebSocketClosure(.protocolError, "a message begins before the one before it has ended")
            }
            return try append(data, isLast: frame.fin)
        case .continuation:
            guard text != nil else { throw WebSocketClosure(.protocolError, "a fragment continues no message") }
            return try append(data, isLast: frame.fin)
        case .binary: throw WebSocketClosure(.unacceptableData, "messages must be text")
        case .ping: return .ping(data)
        case .pong: return .pong
        case .connectionClose: return .close(try closeCode(data))
        default: throw WebSocketClosure(.protocolError, "a frame has an unknown opcode")
        }
    }

    private mutating func append(_ data: ByteBuffer, isLast: Bool) throws -> Message {
        var text = text ?? []
        guard text.count + data.readableBytes <= Self.mostBytes else {
            throw WebSocketClosure(.tooLarge, "a message may have \(Self.mostBytes) bytes")
        }
        text.append(contentsOf: data.readableBytesView)
        fragments += 1
        guard isLast else {
            guard fragments < Self.mostFragments else {
                throw WebSocketClosure(.tooLarge, "a message may have \(Self.mostFragments) fragments")
            }
            self.text = text
            return .unfinished
        }
        self.text = nil
        fragments = 0
        guard String(validating: text, as: UTF8.self) != nil else {
            throw WebSocketClosure(.invalidText, "a message is no UTF-8")
        }
        return .text(text)
    }

    private func closeCode(_ data: ByteBuffer) throws -> UInt16? {
        var data = data
        guard data.readableBytes > 0 else { return nil }
        guard let code = data.readInteger(as: UInt16.self), Self.isSendable(code) else {
            throw WebSocketClosure(.protocolError, "a close frame has no valid code")
        }
        guard String(validating: data.readableBytesView, as: UTF8.self) != nil else {
            throw WebSocketClosure(.invalidText, "the reason of a close frame is no UTF-8")
        }
        return code
    }

    /// Codes that may stand in a frame (RFC 6455, section 7.4, and IANA's registry).
    private static func isSendable(_ code: UInt16) -> Bool {
        (1000...1003).contains(code) || (1007...1014).contains(code) || (3000...4999).contains(code)
    }
}

/// Why the server ends a WebSocket.
struct WebSocketClosure: Error, Equatable {
    enum Code: UInt16 {
        case normal = 1000
        case goingAway = 1001
        case protocolError = 1002
        case unacceptableData = 1003
        case invalidText = 1007
        case tooLarge = 1009
        case failed = 1011
        case tryAgainLater = 1013
        /// Of our own: the token has expired.
        case unauthenticated = 4401
        /// Of our own: the log has let go of events that the stream would have to tell.
        case gone = 4410
    }

    let code: UInt16
    /// At most 123 bytes.
    let reason: String

    init(_ code: Code, _ reason: String) {
        self.init(code: code.rawValue, reason)
    }

    init(code: UInt16, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    /// What NIO's frame decoder finds wrong.
    init(_ error: NIOWebSocketError) {
        switch error {
        case .invalidFrameLength: self.init(.tooLarge, "a message may have \(WebSocketInput.mostBytes) bytes")
        case .fragmentedControlFrame: self.init(.protocolError, "control frames can't be fragmented")
        case .multiByteControlFrameLength: self.init(.protocolError, "a control frame may have 125 bytes")
        }
    }
}

extension ByteBuffer {
    /// Appends a server's frame, which isn't masked.
    mutating func writeFrame(_ opcode: WebSocketOpcode, _ data: some Collection<UInt8>) {
        writeInteger(0x80 | UInt8(webSocketOpcode: opcode))
        switch data.count {
        case ..<126: writeInteger(UInt8(data.count))
        case ...Int(UInt16.max):
            writeInteger(126 as UInt8)
            writeInteger(UInt16(data.count))
        default:
            writeInteger(127 as UInt8)
            writeInteger(UInt64(data.count))
        }
        writeBytes(data)
    }

    mutating func writeFrame(_ closure: WebSocketClosure) {
        var data = ByteBuffer(integer: closure.code)
        data.writeString(closure.reason)
        writeFrame(.connectionClose, data.readableBytesView)
    }
}
