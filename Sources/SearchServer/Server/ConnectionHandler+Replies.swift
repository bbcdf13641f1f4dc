import HTTPTypes
import NIOCore
import NIOHTTP1
import SearchEngine
import Services

/// What is left of a reply that is too large to be handed to the socket at once.
struct UnsentReply {
    let bytes: [UInt8]
    var sent = 0
    /// Of the budget for large answers.
    let takenBytes: Int
    let start = NIODeadline.now()

    /// Bytes a second that a client takes at least.
    private static let slowestRate = 64 << 10

    /// By when it must be sent: ten minutes, and the slowest rate.
    private var deadline: NIODeadline {
        start + .minutes(10) + .seconds(Int64(bytes.count / Self.slowestRate))
    }

    /// When the rate of the client was last looked at, and what had been sent by then.
    private var mark: (time: NIODeadline, sent: Int)

    init(bytes: [UInt8], takenBytes: Int) {
        self.bytes = bytes
        self.takenBytes = takenBytes
        mark = (start, 0)
    }

    /// Whether the client takes it too slowly to be waited for. Asked every second or so.
    ///
    /// - Parameters:
    ///   - isWanted: whether others are refused for want of memory.
    ///   - patience: the time over which the client's rate is looked at.
    mutating func isTooSlow(at now: NIODeadline, isWanted: Bool, patience: TimeAmount) -> Bool {
        if now >= deadline { return true }
        guard now - mark.time >= patience else { return false }
        let seconds = Double((now - mark.time).nanoseconds) / 1e9
        let isSlow = Double(sent - mark.sent) < Double(Self.slowestRate) * seconds
        mark = (now, sent)
        return isSlow && isWanted
    }
}

/// Replies go out in pieces, each when the client has taken enough of those before; nothing is copied of what it hasn't asked
/// for yet. What waits takes from one budget for all connections.
extension ConnectionHandler {
    /// Larger replies go out in pieces of this size.
    static let pieceBytes = 256 << 10

    /// Writes the reply, or one that asks to come again where those that wait to be sent take too much memory already. The
    /// usual size is bounded by the number of connections.
    func writeAffordable(_ reply: Reply, _ exchange: Exchange) {
        let bytes = reply.body.bytes.count
        guard bytes > Self.pieceBytes else { return write(reply, exchange) }
        guard service.replyMemory.take(bytes) else {
            service.refusedReply()
            let used = service.replyMemory.usedBytes >> 20
            var refusal = exchange.failure(
                EngineError.unavailable("Answers of \(used) MiB wait to be received by their clients; try again later"))
            exchange.finish(&refusal)
            return write(refusal, exchange)
        }
        write(reply, exchange, takenBytes: bytes)
    }

    /// - Parameter takenBytes: what the reply has taken of the budget for large ones.
    func write(_ reply: Reply, _ exchange: Exchange, takenBytes: Int = 0) {
        guard let context else { return service.replyMemory.give(takenBytes) }
        let request = exchange.head
        // The parser takes nothing after a request that offers another protocol.
        if !request.isKeepAlive || request.method == .CONNECT || request.headers.contains(name: "upgrade") {
            isClosing = true
        }
        // The last before the server stops.
        if isStopping, held.isEmpty { isClosing = true }
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
            unsent = UnsentReply(bytes: bytes, takenBytes: takenBytes)
            if request.method == .HEAD { unsent?.sent = bytes.count }
            sendMore()
            return watchUnsent()
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
        service.replyMemory.give(reply.takenBytes)
    }
}
