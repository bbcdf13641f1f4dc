import HTTPTypes
import NIOCore
import NIOHTTP1
import SearchEngine
import Services

/// Takes the requests of one connection, one at a time, to their answers: checks the head, collects the body up to its
/// limit, has the work done on a thread for it, and writes the reply. All of it happens on the connection's event loop
/// with callbacks alone, so that a request changes threads twice, to a compute thread and back, and wakes no task.
///
/// Requests that are streams are passed on to the handlers behind, and their replies come back through here.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    enum Phase {
        /// Between two requests.
        case idle
        /// A request's body is coming in.
        case collecting
        /// A request is complete, its answer is not there yet.
        case working
        /// A request was answered before its body had come in; the rest is thrown away.
        case draining
        /// The handlers behind answer.
        case streaming
        /// The answer is a stream of events.
        case following(ServerSentEvents)
        /// The connection has become a WebSocket, whose handler stands in front.
        case upgraded

        /// Whether there is a request that a stop waits for; streams of events are ended.
        var isInFlight: Bool {
            switch self {
            case .collecting, .working, .draining, .streaming: true
            case .idle, .following, .upgraded: false
            }
        }
    }

    /// What is thrown away of bodies that nobody wants, before the connection is closed. Most clients send their whole
    /// body before they look for an answer; this lets them see it.
    private static let maximumDrainedBytes = 64 << 20
    /// Times that a read waits for payload indexes which are evicted again before it uses them.
    private static let mostIndexBuilds = 8

    let service: ServerContext
    private let loopTime: LoopTime
    /// There are too many connections: the first request is refused, and the connection ends.
    private(set) var isRefused = false
    /// The loop has worked on a request since this connection was last read from. One is enough: others wait.
    private var hasWorked = false
    var context: ChannelHandlerContext?
    var phase = Phase.idle {
        didSet {
            if !oldValue.isInFlight, phase.isInFlight { service.requestsInFlight.add(1, ordering: .relaxed) }
            if oldValue.isInFlight, !phase.isInFlight { service.requestsInFlight.subtract(1, ordering: .relaxed) }
        }
    }
    /// Parts that came in too early; they follow when the answer before them is written.
    private(set) var held = CircularBuffer<HTTPServerRequestPart>()
    private var isReadHeld = false
    private var isTakingHeld = false
    private var exchange: Exchange?
    private var endpoint: Endpoint?
    private var principal = Principal(rights: .none)
    private var body = ByteBuffer()
    private var drainedBytes = 0
    /// Of the budget for large bodies.
    private var takenBytes = 0
    /// The client was told to send its body.
    private var isContinued = false
    private var streamedRequestEnded = false
    private var streamedReplyEnded = false
    /// Replies that the socket has not taken yet.
    private(set) var pendingWrites = 0
    /// The rest of a large reply.
    var unsent: UnsentReply?
    /// No more requests are taken; the connection ends with the answer that is due.
    var isClosing = false
    /// The server stops: what has come in is answered, and nothing more is read.
    private(set) var isStopping = false
    /// The client sends nothing more, but may still read.
    private var isInputEnded = false
    /// The handlers behind know it.
    private var isInputEndPassedOn = false
    var lastActivity = NIODeadline.now()
    var idleTimer: Scheduled<Void>?

    init(service: ServerContext, loopTime: LoopTime) {
        self.service = service
        self.loopTime = loopTime
        isRefused = !service.connections.open()
    }

    deinit {
        service.requestMemory.give(takenBytes)
        giveReply()
        service.connections.close()
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastActivity = .now()
        let part = unwrapInboundIn(data)
        if held.isEmpty && canTake { take(part, context) } else { held.append(part) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        hasWorked = false
        context.fireChannelReadComplete()
    }

    /// Whoever sends requests without taking the answers has to wait.
    private var canTake: Bool {
        switch phase {
        case .idle: !isClosing && unsent == nil && (pendingWrites == 0 || context?.channel.isWritable == true)
        case .collecting, .draining: true
        case .working, .following, .upgraded: false
        case .streaming: !streamedRequestEnded
        }
    }

    func read(context: ChannelHandlerContext) {
        if held.isEmpty || canTake { context.read() } else { isReadHeld = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        lastActivity = .now()
        sendMore()
        context.fireChannelWritabilityChanged()
        takeHeld()
    }

    /// Goes on with what came in meanwhile.
    func takeHeld() {
        guard !isTakingHeld, let context else { return }
        isTakingHeld = true
        while canTake, let part = held.popFirst() { take(part, context) }
        isTakingHeld = false
        // The handlers behind take what was passed on at the end of a read.
        if case .streaming = phase { context.fireChannelReadComplete() }
        if isInputEnded { return endInput() }
        if isReadHeld, held.isEmpty {
            isReadHeld = false
            context.read()
        }
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch (phase, part) {
        case (.idle, .head(let head)): begin(head, context)
        case (.collecting, .body(let chunk)): collect(chunk)
        case (.collecting, .end): work(context)
        case (.draining, .body(let chunk)): drain(chunk)
        case (.draining, .end): becomeIdle()
        case (.streaming, .end):
            streamedRequestEnded = true
            context.fireChannelRead(wrapInboundOut(part))
            endStreamIfDone()
        case (.streaming, _): context.fireChannelRead(wrapInboundOut(part))
        default: break
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let exchange = Exchange(service: service, head: head)
        self.exchange = exchange
        body = ByteBuffer()
        drainedBytes = 0
        isContinued = false
        if isRefused {
            isClosing = true
            let limit = service.connections.most
            return refuse(
                with: exchange.failure(
                    EngineError.unavailable("Too many connections: at most \(limit) are answered at once")))
        }
        if let preflight = exchange.preflight { return refuse(with: preflight) }
        do {
            let (endpoint, principal) = try exchange.admit(isCounted: true)
            self.endpoint = endpoint
            self.principal = principal
            if exchange.expectsContinue {
                isContinued = true
                let head = HTTPResponseHead(version: head.version, status: .continue)
                context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
            }
            if case .streaming = endpoint.work {
                phase = .streaming
                streamedRequestEnded = false
                streamedReplyEnded = false
                context.fireChannelRead(wrapInboundOut(.head(head)))
            } else {
                phase = .collecting
            }
        } catch {
            refuse(with: exchange.failure(error))
        }
    }

    private func collect(_ chunk: ByteBuffer) {
        guard case .json = endpoint?.body else { return drain(chunk) }
        let limit = service.configuration.maxRequestBytes
        guard body.readableBytes + chunk.readableBytes <= limit else {
            if let exchange { refuse(with: exchange.failure(APIError.bodyTooLarge(bytes: nil, limit: limit))) }
            return drain(chunk)
        }
        // Bodies of the usual size are bounded by the number of connections, and pass whoever holds the budget.
        let counted = max(body.readableBytes + chunk.readableBytes - Workers.bulkBytes, 0) - takenBytes
        guard counted <= 0 || service.requestMemory.take(counted) else {
            let used = service.requestMemory.usedBytes >> 20
            if let exchange {
                refuse(
                    with: exchange.failure(
                        EngineError.unavailable("Requests of \(used) MiB are being read or worked on; try again later"))
                )
            }
            return drain(chunk)
        }
        takenBytes += max(counted, 0)
        guard body.readableBytes > 0 else {
            body = chunk
            return
        }
        // Room for what is announced, but not for more than what might come soon.
        if let announced = exchange?.announcedBytes, body.capacity < announced {
            body.reserveCapacity(min(announced, max(1 << 20, 2 * body.readableBytes)))
        }
        body.writeImmutableBuffer(chunk)
    }

    private func drain(_ chunk: ByteBuffer) {
        drainedBytes += chunk.readableBytes
        if drainedBytes > Self.maximumDrainedBytes { context?.close(promise: nil) }
    }

    /// Answers before the body is there.
    private func refuse(with reply: Reply) {
        guard let exchange else { return }
        var reply = reply
        exchange.finish(&reply)
        giveBody()
        if exchange.expectsContinue, !isContinued {
            // The body may or may not follow; only the connection's end makes that sure.
            isClosing = true
            write(reply, exchange)
            return becomeIdle()
        }
        phase = .draining
        if let announced = exchange.announcedBytes, announced > Self.maximumDrainedBytes { isClosing = true }
        write(reply, exchange)
    }

    // MARK: Work

    private func work(_ context: ChannelHandlerContext) {
        guard let exchange, let endpoint else { return }
        phase = .working
        let call = exchange.call(principal, body: RequestBytes(buffer: body))
        body = ByteBuffer()
        var unfinished: (@Sendable (Call) throws -> Reply)?
        if case .brief(let attempt, _) = endpoint.work {
            switch attemptAtOnce(call, exchange, attempt) {
            case .answered(let reply): return complete(reply, exchange)
            case .unfinished(let rest): unfinished = rest
            case nil: break
            }
        }
        let eventLoop = context.eventLoop
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        // Called once, on any thread.
        let answer: @Sendable (Result<Reply, any Error>) -> Void = { result in
            var reply: Reply
            switch result {
            case .success(let success): reply = success
            case .failure(let error): reply = exchange.failure(error)
            }
            exchange.finish(&reply)
            let finished = reply
            eventLoop.execute { handler.value.complete(finished, exchange) }
        }
        let workers = service.workers
        switch endpoint.work {
        case .immediate(let work):
            var reply: Reply
            do { reply = try work(call) } catch { reply = exchange.failure(error) }
            exchange.finish(&reply)
            complete(reply, exchange)
        case .compute(let work): compute(call, work, answer)
        case .brief(_, let work): compute(call, unfinished ?? work, answer)
        case .long(let work): workers.submitLong { answer($0.flatMap { _ in Result { try work(call) } }) }
        case .change(let work): workers.submitChange { answer($0.flatMap { _ in Result { try work(call) } }) }
        case .deferred(let work):
            workers.submitCompute(bodyBytes: call.body.count) { start in
                let begun = start.flatMap { _ in
                    Result { try Services.withoutWaitingForEmbedder { try work(call, answer) } }
                }
                guard case .failure(let error) = begun else { return }
                guard error is TextsToEmbed else { return answer(.failure(error)) }
                workers.submitText { start in
                    let begun = start.flatMap { _ in Result { try work(call, answer) } }
                    if case .failure(let error) = begun { answer(.failure(error)) }
                }
            }
        case .asynchronous(let work):
            Task {
                do { answer(.success(try await work(call))) } catch { answer(.failure(error)) }
            }
        case .streaming: break
        case .webSocket(let begin):
            do { try openWebSocket(begin(call), exchange, context) } catch { answer(.failure(error)) }
        case .events(let begin):
            do {
                switch try begin(call) {
                case .stream(let feed): try openServerSentEvents(feed, exchange, context)
                case .page(let work): compute(call, work, answer)
                }
            } catch {
                answer(.failure(error))
            }
        }
    }

    /// Does the work on a compute thread. A read that needs payload indexes gives its thread up while they are built, and
    /// begins anew then; what needs texts embedded begins anew on a thread that may wait for that.
    private func compute(
        _ call: Call, _ work: @escaping @Sendable (Call) throws -> Reply,
        _ answer: @escaping @Sendable (Result<Reply, any Error>) -> Void
    ) {
        let service = service
        service.workers.submitCompute(bodyBytes: call.body.count) { start in
            Self.attempt(call, work, service, attemptsLeft: Self.mostIndexBuilds, start, answer)
        }
    }

    private static func attempt(
        _ call: Call, _ work: @escaping @Sendable (Call) throws -> Reply, _ service: ServerContext, attemptsLeft: Int,
        _ start: Result<Void, any Error>, _ answer: @escaping @Sendable (Result<Reply, any Error>) -> Void
    ) {
        let result = start.flatMap { _ in
            Result { try Engine.withoutWaitingForIndexes { try Services.withoutWaitingForEmbedder { try work(call) } } }
        }
        if case .failure(is TextsToEmbed) = result {
            return service.workers.submitText { answer($0.flatMap { _ in Result { try work(call) } }) }
        }
        guard case .failure(let missing as PayloadIndexesMissing) = result else { return answer(result) }
        guard attemptsLeft > 0 else {
            return answer(
                .failure(EngineError.busy("The payload indexes of the filter are evicted before they are used")))
        }
        do {
            call.engine.build(missing, deadline: try call.deadline()) { built in
                service.workers.submitCompute(bodyBytes: call.body.count) { start in
                    attempt(call, work, service, attemptsLeft: attemptsLeft - 1, built.flatMap { start }, answer)
                }
            }
        } catch {
            answer(.failure(error))
        }
    }

    /// Work that the event loop does itself; `nil` if it has no time for it.
    private func attemptAtOnce(
        _ call: Call, _ exchange: Exchange, _ attempt: (Call) throws -> Endpoint.Attempt
    ) -> Endpoint.Attempt? {
        let start = NIODeadline.now()
        guard loopTime.mayWork(for: self, at: start), !hasWorked, call.body.count <= Workers.bulkBytes else {
            return nil
        }
        hasWorked = true
        defer { loopTime.worked(from: start, to: .now()) }
        var reply: Reply
        do {
            switch try attempt(call) {
            case .answered(let answered): reply = answered
            case .unfinished(let rest): return .unfinished(rest)
            }
        } catch {
            reply = exchange.failure(error)
        }
        exchange.finish(&reply)
        return .answered(reply)
    }

    func complete(_ reply: Reply, _ exchange: Exchange) {
        guard context != nil, case .working = phase else { return }
        writeAffordable(reply, exchange)
        becomeIdle()
    }

    // MARK: Replies

    /// What the handlers behind write.
    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        lastActivity = .now()
        guard case .end = unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
        context.write(data, promise: countedPromise(context, promise))
        streamedReplyEnded = true
        endStreamIfDone()
    }

    func countedPromise(
        _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?
    ) -> EventLoopPromise<Void> {
        let promise = promise ?? context.eventLoop.makePromise()
        pendingWrites += 1
        promise.futureResult.assumeIsolated().whenComplete { [self] _ in
            pendingWrites -= 1
            lastActivity = .now()
            closeIfDone()
        }
        return promise
    }

    private func endStreamIfDone() {
        if case .streaming = phase, streamedRequestEnded, streamedReplyEnded { becomeIdle() }
    }

    /// Forgets the body; its bytes are others' then.
    private func giveBody() {
        body = ByteBuffer()
        service.requestMemory.give(takenBytes)
        takenBytes = 0
    }

    func becomeIdle() {
        giveBody()
        phase = .idle
        exchange = nil
        endpoint = nil
        closeIfDone()
        takeHeld()
    }

    // MARK: The end

    /// Ends the connection once all requests that have come in are answered.
    func stop() {
        isStopping = true
        if case .following(let events) = phase { events.stop() }
        closeIfDone()
    }

    /// Ends the connection once the request in hand is answered.
    func closeWhenDone() {
        isClosing = true
        closeIfDone()
    }

    func closeIfDone() {
        guard case .idle = phase else { return }
        if isStopping, held.isEmpty { isClosing = true }
        guard isClosing, unsent == nil, pendingWrites == 0 else { return }
        context?.close(promise: nil)
    }

    /// The client has closed its side: what came in whole is still answered.
    func endInput() {
        isInputEnded = true
        guard held.isEmpty else { return }
        switch phase {
        case .idle, .working: closeWhenDone()
        // The rest of this request will never come; a stream's client that has gone looks the same as one that only sends nothing more.
        case .collecting, .draining, .following: context?.close(promise: nil)
        case .streaming:
            // Whoever reads the rest has to know. Who has read all of it would only end the connection as soon as this
            // request is answered, while others wait for their answers.
            guard !streamedRequestEnded, !isInputEndPassedOn else { return }
            isInputEndPassedOn = true
            context?.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        case .upgraded: break
        }
    }

    /// Answers what is no HTTP, if nothing else is being answered.
    func refuseDamaged(_ status: HTTPResponse.Status, _ message: String) {
        switch phase {
        case .idle where unsent == nil && !isClosing, .collecting where unsent == nil && !isClosing: break
        default: return closeWhenDone()
        }
        let exchange =
            self.exchange ?? Exchange(service: service, head: .init(version: .http1_1, method: .GET, uri: "/"))
        isClosing = true
        var reply = Reply.failure(APIError(status, message), since: exchange.start)
        reply.headers.add(name: "x-request-id", value: exchange.requestID)
        write(reply, exchange)
        becomeIdle()
    }

    /// Forgets what was going on; its answer is dropped.
    func abandon() {
        context = nil
        if case .following(let events) = phase { events.stream.close() }
        phase = .idle
        giveReply()
        held.removeAll()
        exchange = nil
        endpoint = nil
        body = ByteBuffer()
    }
}
