import JSON
import NIOCore
import NIOWebSocket
import Services
import TrendStore

/// A WebSocket with a stream of events. It stands, with the decoder of frames, in front of the handlers for HTTP, which see
/// nothing more of what comes in.
///
/// The one who closes sends a close frame and then reads on for a moment: to end a connection while bytes come in would reset it, and
/// the close frame might be lost.
final class WebSocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = ByteBuffer

    /// How long the other side has to close in its turn, or to take what is still unsent.
    private static let mostLingering = TimeAmount.seconds(1)

    private enum State {
        case open
        /// A close frame is sent, or on its way.
        case closing
        case closed
    }

    private let stream: EventStream
    private var context: ChannelHandlerContext?
    private var state = State.open
    private var input = WebSocketInput()

    init(stream: EventStream) { self.stream = stream }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    /// Begins the stream. The answer to the handshake must have been written.
    func begin() {
        var greeting = ByteBuffer()
        greeting.writeMessage { writer in
            writer.key("type")
            writer.write("hello")
            writer.key("sequence")
            writer.write(stream.position)
        }
        stream.open(self, greeting: greeting)
    }

    // MARK: Input

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch state {
        case .closed: return
        case .closing:
            if frame.opcode == .connectionClose { context.close(promise: nil) }
            return
        case .open: break
        }
        stream.heard()
        do {
            switch try input.take(frame) {
            case .text(let text): answer(text)
            case .ping(let data):
                var pong = ByteBuffer()
                pong.writeFrame(.pong, data.readableBytesView)
                stream.send(pong)
            case .close(let code):
                close(WebSocketClosure(code: code ?? WebSocketClosure.Code.normal.rawValue, ""), answers: true)
            case .pong, .unfinished: break
            }
        } catch let closure as WebSocketClosure {
            close(closure)
        } catch {
            close(WebSocketClosure(.failed, "a frame could not be read"))
        }
    }

    private func answer(_ text: [UInt8]) {
        var buffer = ByteBuffer()
        do {
            switch try EventCommand(text) {
            case .subscribe(let filter):
                return stream.follow(filter) { position in
                    buffer.writeMessage { $0.writeSubscribed(filter, from: position) }
                    return buffer
                }
            case .ping(let text):
                buffer.writeMessage { writer in
                    writer.key("type")
                    writer.write("pong")
                    writer.key("ping")
                    writer.write(text)
                }
            }
        } catch {
            buffer.writeError(error)
        }
        stream.send(buffer)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            close(WebSocketClosure(.goingAway, "the server is stopping"))
        } else if case .some(ChannelEvent.inputClosed) = event as? ChannelEvent {
            context.close(promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // What comes behind a frame that can't be decoded is an error each time.
        guard state == .open else { return }
        if let error = error as? NIOWebSocketError {
            close(WebSocketClosure(error))
        } else {
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    // MARK: The end

    /// - Parameter answers: the other side has closed, so that nothing more comes.
    private func close(_ closure: WebSocketClosure, after last: ByteBuffer = ByteBuffer(), answers: Bool = false) {
        guard state == .open, let context else { return }
        state = .closing
        stream.close()
        var buffer = last
        buffer.writeFrame(closure)
        let written = context.eventLoop.makePromise(of: Void.self)
        let channel = context.channel
        written.futureResult.assumeIsolated().whenComplete { _ in
            channel.close(mode: answers ? .all : .output, promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: written)
        context.eventLoop.scheduleTask(in: Self.mostLingering) { channel.close(promise: nil) }
    }

    /// The connection is gone.
    private func end() {
        state = .closed
        stream.close()
        context = nil
    }
}

extension WebSocketHandler: EventTransport {
    func append(_ event: Event, _ json: [UInt8], to buffer: inout ByteBuffer) { buffer.writeFrame(.text, json) }

    /// A ping, since its answer shows that the client is there, too.
    func appendHeartbeat(_ position: Int64?, to buffer: inout ByteBuffer) {
        if let position {
            buffer.writeMessage { writer in
                writer.key("type")
                writer.write("position")
                writer.key("sequence")
                writer.write(position)
            }
        }
        buffer.writeFrame(.ping, [])
    }

    func write(_ buffer: ByteBuffer, _ promise: EventLoopPromise<Void>) {
        guard let context else { return promise.fail(ChannelError.ioOnClosedChannel) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
    }

    func end(_ ending: EventFeed.Ending) {
        switch ending {
        case .slow: close(WebSocketClosure(.tryAgainLater, "the client takes its events too slowly"))
        case .silent: close(WebSocketClosure(.failed, "the client answers no pings"))
        case .failed(let error):
            var buffer = ByteBuffer()
            buffer.writeError(error)
            let closure =
                switch error.code {
                case .gone: WebSocketClosure(.gone, "events behind the place are gone")
                case .unauthenticated: WebSocketClosure(.unauthenticated, "the token has expired")
                default: WebSocketClosure(.failed, "the events can't be read")
                }
            close(closure, after: buffer)
        }
    }
}

extension ByteBuffer {
    /// Appends a text frame of one object.
    fileprivate mutating func writeMessage(_ members: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        writer.object(members)
        writeFrame(.text, writer.bytes)
    }

    /// `{"type": "error", "error": {"code": …, "message": …, "details": […]}}`
    fileprivate mutating func writeError(_ error: any Error) {
        writeMessage { writer in
            writer.key("type")
            writer.write("error")
            writer.key("error")
            writer.writeError(APIError(any: error))
        }
    }
}
