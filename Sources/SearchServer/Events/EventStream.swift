import NIOCore
import Services
import TrendStore

/// How a transport says things. Called on the connection's event loop.
protocol EventTransport: AnyObject {
    /// Appends an event to what goes out together.
    func append(_ event: Event, _ json: [UInt8], to buffer: inout ByteBuffer)
    /// Appends what shows that the server is there.
    ///
    /// - Parameter position: the stream's, where the client should know it.
    func appendHeartbeat(_ position: Int64?, to buffer: inout ByteBuffer)
    /// Hands bytes to the socket. The promise is kept when that has taken them.
    func write(_ buffer: ByteBuffer, _ promise: EventLoopPromise<Void>)
    /// The stream is over. Called once, and nothing after it.
    func end(_ ending: EventFeed.Ending)
}

/// A stream of events on its event loop: does what its feed says.
final class EventStream {
    /// Writes in one go; then others on the loop have a turn.
    private static let writesAtOnce = 4

    private let service: ServerContext
    private let eventLoop: any EventLoop
    private let streams: LoopStreams
    private let place: EventStreams.Place
    private var feed: EventFeed
    private weak var transport: (any EventTransport)?
    private var isOpen = false
    private var isAdvancing = false

    /// Throws `.unavailable` when there are as many streams as may be.
    init(_ feed: EventFeed, _ kind: EventStreamKind, service: ServerContext, eventLoop: any EventLoop) throws {
        place = try service.events.place(kind)
        self.feed = feed
        self.service = service
        self.eventLoop = eventLoop
        streams = service.events.streams(of: eventLoop)
    }

    var position: Int64 { feed.position }
    var filter: EventFilter { feed.filter }

    /// Why there is nothing to follow.
    var failure: ServiceError? { feed.failure }

    /// Begins to send, with a greeting unless there is nothing to follow. ``close()`` must follow when the connection ends.
    func open(_ transport: any EventTransport, greeting: ByteBuffer) {
        self.transport = transport
        isOpen = true
        streams.add(self)
        if feed.failure == nil { write(greeting) }
        advance()
    }

    /// Sends nothing more, and tells the transport nothing more.
    func close() {
        guard isOpen else { return }
        isOpen = false
        transport = nil
        streams.remove(self)
    }

    /// Changes the filter, and sends `message`, which tells from where it holds, in front of its events.
    func follow(_ filter: EventFilter, _ message: (Int64) -> ByteBuffer) {
        feed.follow(filter)
        send(message(feed.position))
    }

    func heard() { feed.heard(at: .now) }

    /// Sends what is no event.
    func send(_ buffer: ByteBuffer) {
        write(buffer)
        advance()
    }

    /// Sends what there is to be sent, as far as the client takes it.
    func advance() {
        guard !isAdvancing, isOpen else { return }
        isAdvancing = true
        defer { isAdvancing = false }
        for _ in 0..<Self.writesAtOnce {
            var buffer = ByteBuffer()
            let wasFull = fill(&buffer)
            if buffer.readableBytes > 0 { submit(buffer) }
            // Once it has taken everything at once, there may be more.
            guard wasFull, !feed.isFull, isOpen else { return }
        }
        eventLoop.assumeIsolated().execute { self.advance() }
    }

    /// Appends events until there are none, or enough. Returns whether there are enough.
    private func fill(_ buffer: inout ByteBuffer) -> Bool {
        while true {
            switch feed.next(recent: { log.recent(after: $0, $1, limit: $2) }) {
            case .send(let event):
                let before = buffer.readableBytes
                transport?.append(event, streams.json(of: event), to: &buffer)
                feed.wrote(buffer.readableBytes - before, at: .now)
            case .wait: return feed.isFull
            case .read(let reading):
                fetch(reading)
                return false
            case .end(let ending):
                end(ending)
                return false
            }
        }
    }

    private var log: EventLog { streams.log }

    /// Reads what isn't in memory on a worker's thread.
    private func fetch(_ reading: EventFeed.Reading) {
        let stream = NIOLoopBound(self, eventLoop: eventLoop)
        service.workers.submitCompute(bodyBytes: 0) { [service, eventLoop] start in
            let result: Result<EventLog.Part, ServiceError>
            switch start {
            case .success: result = EventOperations.read(reading, service.services)
            case .failure: result = .failure(.unavailable("the server is stopping"))
            }
            eventLoop.execute {
                stream.value.feed.received(result, for: reading)
                stream.value.advance()
            }
        }
    }

    private func write(_ buffer: ByteBuffer) {
        feed.wrote(buffer.readableBytes, at: .now)
        submit(buffer)
    }

    /// Hands over what the feed knows of.
    private func submit(_ buffer: ByteBuffer) {
        guard let transport else { return }
        let bytes = buffer.readableBytes
        let promise = eventLoop.makePromise(of: Void.self)
        // A write fails when the connection ends.
        promise.futureResult.assumeIsolated().whenSuccess { [self] in
            feed.took(bytes, at: .now)
            advance()
        }
        transport.write(buffer, promise)
    }

    /// What is due; called each second.
    func tick() {
        guard let transport else { return }
        switch feed.due(at: .now) {
        case .nothing: break
        case .heartbeat(let position):
            var buffer = ByteBuffer()
            transport.appendHeartbeat(position, to: &buffer)
            write(buffer)
        case .end(let ending): end(ending)
        }
    }

    private func end(_ ending: EventFeed.Ending) {
        guard let transport else { return }
        close()
        switch ending {
        case .slow, .silent: service.events.drop()
        case .failed: break
        }
        transport.end(ending)
    }
}
