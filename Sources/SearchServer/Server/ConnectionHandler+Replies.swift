import HTTPTypes
import NIOCore
import NIOHTTP1
import SearchEngine
import Services

/// What is left of a reply that is too large to be handed to the socket at once.
struct UnsentReply {
    let bytes: [UInt8]
    var sent = 0
}

/// Replies go out in pieces, each when the client has taken enough of those before; nothing is copied of what it hasn't asked
/// for yet. What waits takes from one budget for all connections.
extension ConnectionHandler {
    /// Larger replies go out in pieces of this size.
    static let pieceBytes = 256 << 10

    /// The reply, or one that asks to come again where those that wait to be sent take too much memory already. The usual
    /// size is bounded by the number of connections.
    func affordable(_ reply: Reply, _ exchange: Exchange) -> Reply {
        let bytes = reply.body.bytes.count
        guard bytes > Self.pieceBytes else { return reply }
        guard service.replyMemory.take(bytes) else {
            let used = service.replyMemory.usedBytes >> 20
            var refusal = exchange.failure(
                EngineError.unavailable("Answers of \(used) MiB wait to be received by their clients; try again later"))
            exchange.finish(&refusal)
            return refusal
        }
        return reply
    }

    func write(_ reply: Reply, _ exchange: Exchange) {
        guard let context else {
            if reply.body.bytes.count > Self.pieceBytes { service.replyMemory.give(reply.body.bytes.count) }
            return
        }
        let request = exchange.head
        // The parser takes nothing after a request that offers another protocol.
        if !request.isKeepAlive || request.method == .CONNECT || request.headers.contains(name: "upgrade") {
            isClosing = true
        }
        let bytes = reply.body.bytes
        var headers = reply.headers
        headers.add(name: "content-length", value: String(bytes.count))
        headers.add(name: "date", value: service.date.value)
        if isClosing {
            headers.add(name: "connection", value: "close")
        } else if request.version.minor == 0 {
            headers.add(name: "connection", value: "keep-alive")
        }
        let status = HTTPResponseStatus(statusCode: reply.status.code, reasonPhrase: reply.status.reasonPhrase)
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if bytes.count > Self.pieceBytes {
            unsent = UnsentReply(bytes: bytes)
            if request.method == .HEAD { unsent?.sent = bytes.count }
            return sendMore()
        }
        if request.method != .HEAD, !bytes.isEmpty {
            let buffer = context.channel.allocator.buffer(bytes: bytes)
            context.write(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: countedPromise(context, nil))
    }

    /// Sends of a large reply what the client has room for.
    func sendMore() {
        guard let context else { return }
        while let reply = unsent {
            guard reply.sent < reply.bytes.count else {
                giveReply()
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: countedPromise(context, nil))
                closeIfDone()
                return takeHeld()
            }
            guard context.channel.isWritable else { return context.flush() }
            let end = min(reply.sent + Self.pieceBytes, reply.bytes.count)
            let piece = context.channel.allocator.buffer(bytes: reply.bytes[reply.sent..<end])
            unsent?.sent = end
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(piece))), promise: nil)
        }
    }

    /// Forgets a large reply.
    func giveReply() {
        guard let reply = unsent else { return }
        unsent = nil
        service.replyMemory.give(reply.bytes.count)
    }
}
