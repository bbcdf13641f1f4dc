import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// A service that answers each request with the bytes that a test gives, and can behave in any way.
final class StubService: Sendable {
    enum Behaviour: Sendable {
        /// Sends bytes; the connection stays open.
        case answer(String)
        /// Sends bytes and closes the connection.
        case cut(String)
        /// Sends nothing.
        case silence
        /// Sends a head, then a body that never ends.
        case endless
    }

    let port: Int
    private let channel: any Channel
    private let shared: Shared

    /// - Parameter behaviours: In order; the last one is for all further requests, too.
    init(_ behaviours: [Behaviour]) throws {
        let shared = Shared(behaviours)
        self.shared = shared
        channel = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(shared))
                }
            }
            .bind(host: "127.0.0.1", port: 0).wait()
        port = channel.localAddress?.port ?? 0
    }

    var url: String { "http://127.0.0.1:\(port)/v1/embeddings" }
    var requests: [String] { shared.state.withLock { $0.requests } }

    func stop() throws { try channel.close().wait() }

    static func response(_ status: Int, _ body: String, headers: String = "") -> String {
        "HTTP/1.1 \(status) X\r\ncontent-length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
    }

    private final class Shared: Sendable {
        let state: Mutex<(behaviours: [Behaviour], requests: [String])>
        init(_ behaviours: [Behaviour]) { state = Mutex((behaviours, [])) }

        func take(_ request: String) -> Behaviour {
            state.withLock { state in
                state.requests.append(request)
                return state.behaviours.count > 1 ? state.behaviours.removeFirst() : state.behaviours[0]
            }
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let shared: Shared
        private var received = ""
        private var isEndless = false

        init(_ shared: Shared) { self.shared = shared }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received += String(buffer: unwrapInboundIn(data))
            guard let head = received.range(of: "\r\n\r\n") else { return }
            let length =
                received[..<head.lowerBound].lowercased().split(separator: "\r\n")
                .first { $0.hasPrefix("content-length:") }
                .flatMap { Int($0.dropFirst(15).filter { $0 != " " }) } ?? 0
            guard received[head.upperBound...].utf8.count >= length else { return }
            let behaviour = shared.take(received)
            received = ""
            switch behaviour {
            case .answer(let text): context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
            case .cut(let text):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
                context.close(promise: nil)
            case .silence: break
            case .endless:
                isEndless = true
                context.writeAndFlush(
                    wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")),
                    promise: nil)
                pour(context)
            }
        }

        func channelWritabilityChanged(context: ChannelHandlerContext) {
            if isEndless { pour(context) }
        }

        private func pour(_ context: ChannelHandlerContext) {
            let chunk = "4000\r\n" + String(repeating: " ", count: 0x4000) + "\r\n"
            while context.channel.isActive, context.channel.isWritable {
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: chunk)), promise: nil)
            }
        }
    }
}
