import Glibc
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOWebSocket
import Services

/// Requests that become streams of events.
extension ConnectionHandler {
    /// What is sent and not acknowledged for so long ends the connection: whoever is gone without a word is found by heartbeats.
    private static let unacknowledgedMilliseconds: CInt = 60_000

    /// What the system holds for a stream; it would let this grow to megabytes, so that a client that takes nothing is found late.
    private static let socketBytes: SocketOptionValue = 128 << 10

    /// Answers a request with server-sent events. Throws when it can't be.
    func openServerSentEvents(_ feed: EventFeed, _ exchange: Exchange, _ context: ChannelHandlerContext) throws {
        if let failure = feed.failure { throw failure }
        var reply = Reply(
            headers: [
                "content-type": ServerSentEvents.contentType, "cache-control": "no-store",
                // Proxies that collect answers would hold events back.
                "x-accel-buffering": "no",
            ], body: .bytes([]))
        guard exchange.head.method != .HEAD else {
            exchange.finish(&reply)
            return complete(reply, exchange)
        }
        let events = ServerSentEvents(try stream(feed, .serverSentEvents, context), on: self)
        exchange.finish(&reply)
        phase = .following(events)
        // The answer has no end of its own that another could follow.
        isClosing = true
        var headers = reply.headers
        headers.add(name: "date", value: service.date.value)
        headers.add(name: "connection", value: "close")
        // Only a client of HTTP/1.1 knows chunks.
        let version = HTTPVersion(major: 1, minor: exchange.head.version.minor == 0 ? 0 : 1)
        let head = HTTPResponseHead(version: version, status: .ok, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        events.begin()
    }

    /// Makes the connection a WebSocket with events. Throws when it can't be.
    func openWebSocket(_ feed: EventFeed, _ exchange: Exchange, _ context: ChannelHandlerContext) throws {
        let handshake = try WebSocketHandshake(exchange.head)
        let handler = WebSocketHandler(stream: try stream(feed, .webSocket, context))
        var reply = Reply(status: .switchingProtocols, headers: handshake.headers, body: .bytes([]))
        exchange.finish(&reply)
        phase = .upgraded
        var headers = reply.headers
        headers.add(name: "date", value: service.date.value)
        let head = HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.end(nil)), promise: nil)
        let pipeline = context.pipeline.syncOperations
        try pipeline.addHandlers(
            [ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: WebSocketInput.mostBytes)), handler],
            position: .first)
        handler.begin()
    }

    private func stream(
        _ feed: EventFeed, _ kind: EventStreamKind, _ context: ChannelHandlerContext
    ) throws -> EventStream {
        guard !isStopping else { throw ServiceError.unavailable("the server is stopping") }
        let stream = try EventStream(feed, kind, service: service, eventLoop: context.eventLoop)
        // A channel that isn't a socket has no options, and needs none.
        let options = context.channel.syncOptions
        try? options?.setOption(.socketOption(.so_sndbuf), value: Self.socketBytes)
        try? options?.setOption(
            ChannelOptions.socket(.init(IPPROTO_TCP), .init(TCP_USER_TIMEOUT)),
            value: SocketOptionValue(Self.unacknowledgedMilliseconds))
        return stream
    }

    /// Sends a part of a stream's answer.
    func writeBody(_ buffer: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        guard let context else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: promise)
    }

    /// Ends a stream's answer, and with it the connection.
    func endFollowing() {
        guard case .following = phase, let context else { return }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: countedPromise(context, nil))
        becomeIdle()
    }
}
