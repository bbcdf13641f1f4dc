import JSON
import NIOCore
import NIOHTTP1
import Services
import TrendStore

/// A stream of events as the body of an answer: server-sent events, as the HTML standard has them (section 9.2).
final class ServerSentEvents {
    static let contentType = "text/event-stream"
    /// After which a client that has lost its connection asks again, in milliseconds.
    private static let retry = 2_000
    /// How long the client has to take what is unsent when the server ends the stream.
    private static let mostLingering = TimeAmount.seconds(1)

    let stream: EventStream
    private weak var connection: ConnectionHandler?

    init(_ stream: EventStream, on connection: ConnectionHandler) {
        self.stream = stream
        self.connection = connection
    }

    /// Begins the stream. The answer's head must have been written.
    func begin() {
        // An id without data is the place to resume behind, for a client that hasn't seen an event.
        stream.open(self, greeting: ByteBuffer(string: "retry: \(Self.retry)\nid: \(stream.position)\n\n"))
    }

    /// Ends the answer as the server stops.
    func stop() { finish(ByteBuffer()) }

    private func finish(_ last: ByteBuffer) {
        stream.close()
        guard let connection, let channel = connection.context?.channel else { return }
        if last.readableBytes > 0 { connection.writeBody(last, nil) }
        connection.endFollowing()
        channel.eventLoop.scheduleTask(in: Self.mostLingering) { channel.close(promise: nil) }
    }
}

extension ServerSentEvents: EventTransport {
    func append(_ event: Event, _ json: [UInt8], to buffer: inout ByteBuffer) {
        // JSON has no line breaks.
        buffer.writeString("id: \(event.sequence)\nevent: \(event.type.rawValue)\ndata: ")
        buffer.writeBytes(json)
        buffer.writeString("\n\n")
    }

    func appendHeartbeat(_ position: Int64?, to buffer: inout ByteBuffer) {
        buffer.writeString(": heartbeat\n")
        if let position { buffer.writeString("id: \(position)\n") }
        buffer.writeString("\n")
    }

    func write(_ buffer: ByteBuffer, _ promise: EventLoopPromise<Void>) {
        guard let connection else { return promise.fail(ChannelError.ioOnClosedChannel) }
        connection.writeBody(buffer, promise)
    }

    func end(_ ending: EventFeed.Ending) {
        switch ending {
        // It takes nothing, so that nothing can be said.
        case .slow, .silent: connection?.context?.close(promise: nil)
        case .failed(let error):
            var writer = JSONWriter()
            writer.writeError(APIError(error))
            var buffer = ByteBuffer(string: "event: error\ndata: ")
            buffer.writeBytes(writer.bytes)
            buffer.writeString("\n\n")
            finish(buffer)
        }
    }
}
