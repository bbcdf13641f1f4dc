import TrendStore

/// Decides what a stream of events does next. Every transport has one for each of its streams; it knows no socket, no thread and no
/// clock.
///
/// A stream reads the log only as fast as its client takes the events. So nothing queues: what the client hasn't taken yet is in the
/// log. The caller asks ``next(recent:)`` until it has to wait, writes what it is told to, and says what was written and taken.
public struct EventFeed: Sendable {
    public typealias Instant = ContinuousClock.Instant

    public struct Limits: Sendable {
        /// The log isn't read on while so many bytes are written and not taken.
        public var pauseBytes = 64 << 10
        /// A stream with more of them ends. Events alone don't get that far; answers to a client's own messages can.
        public var mostUnsentBytes = 1 << 20
        /// All that is written must be taken within this time.
        public var patience = Duration.seconds(10)
        public var heartbeat: Duration
        /// How long a client may say nothing; `nil` where it can say nothing.
        public var silence: Duration?

        public init(heartbeat: Duration, silence: Duration? = nil) {
            self.heartbeat = heartbeat
            self.silence = silence
        }

        public static let webSocket = Limits(heartbeat: .seconds(20), silence: .seconds(60))
        public static let serverSentEvents = Limits(heartbeat: .seconds(15))
    }

    /// Why a stream is over.
    public enum Ending: Sendable, Equatable {
        /// The client doesn't take what is written.
        case slow
        /// Nothing was heard of the client.
        case silent
        /// The log can't be read on; `.gone` where it has let go of events that the stream would have to tell.
        case failed(ServiceError)
    }

    public enum Step: Sendable, Equatable {
        case send(Event)
        /// Read a part of the log on a thread that may wait, then call ``received(_:for:)``.
        case read(Reading)
        /// Nothing, until the log has news, the client has taken something, or a part was received.
        case wait
        case end(Ending)
    }

    /// A part of the log that isn't in memory.
    public struct Reading: Sendable, Equatable {
        public let after: Int64
        public let filter: EventFilter
        fileprivate let number: Int
    }

    /// What is due at a point of time.
    public enum Due: Sendable, Equatable {
        case nothing
        /// - Parameter position: the stream's, if it has moved without an event being sent.
        case heartbeat(position: Int64?)
        case end(Ending)
    }

    /// Events of the log that are looked at in one go on an event loop.
    private static let lookedAt = 64

    public let limits: Limits
    public private(set) var filter: EventFilter
    /// All events up to this one were sent, or aren't wanted.
    public private(set) var position: Int64
    /// Written and not taken.
    public private(set) var unsentBytes = 0

    /// Read and not sent, in order.
    private var events: ArraySlice<Event> = []
    private var readUpTo: Int64
    /// The number of the reading that is under way; there is one at a time, however often the filter changes.
    private var reading: Int?
    private var readings = 0
    /// The reading that is under way was asked for with another filter.
    private var isReadingStale = false
    private var ending: Ending?
    private let expires: Instant?
    /// The position that the client knows.
    private var told: Int64
    private var heartbeatAt: Instant
    private var heardAt: Instant
    /// Bytes written and taken since the beginning.
    private var written = 0
    private var taken = 0
    /// What had been written at a time when something was unsent: all of it must be taken soon.
    private var mark: (written: Int, at: Instant)?

    /// - Parameters:
    ///   - position: the events behind it are sent.
    ///   - failure: why there is nothing to follow, for transports that can say so in the stream alone.
    ///   - expires: when the right to follow the log ends.
    public init(
        after position: Int64, _ filter: EventFilter, _ limits: Limits, failure: ServiceError? = nil,
        expires: Instant? = nil, at now: Instant
    ) {
        self.expires = expires
        self.position = position
        self.filter = filter
        self.limits = limits
        readUpTo = position
        told = position
        ending = failure.map { .failed($0) }
        heartbeatAt = now + limits.heartbeat
        heardAt = now
    }

    /// Why there is nothing to follow.
    public var failure: ServiceError? { if case .failed(let error) = ending { error } else { nil } }

    /// The client has so much to take that the log isn't read on.
    public var isFull: Bool { unsentBytes >= limits.pauseBytes }

    // MARK: Events

    /// The next step. After `.send`, ``wrote(_:at:)`` must be called before the next one is asked for.
    ///
    /// - Parameter recent: `EventLog.recent`, which may be asked several times.
    public mutating func next(recent: (Int64, EventFilter, Int) -> EventLog.Part?) -> Step {
        if let ending { return .end(ending) }
        guard !isFull, reading == nil else { return .wait }
        while true {
            if let event = events.popFirst() {
                position = event.sequence
                told = position
                return .send(event)
            }
            position = readUpTo
            guard let part = recent(position, filter, Self.lookedAt) else {
                readings += 1
                reading = readings
                return .read(Reading(after: position, filter: filter, number: readings))
            }
            take(part)
            if part.events.isEmpty, part.isEnd {
                position = readUpTo
                return .wait
            }
        }
    }

    /// Takes what a reading has found. What was read with another filter is thrown away.
    public mutating func received(_ result: Result<EventLog.Part, ServiceError>, for reading: Reading) {
        guard self.reading == reading.number else { return }
        self.reading = nil
        defer { isReadingStale = false }
        switch result {
        case .success(let part): if !isReadingStale { take(part) }
        case .failure(let error): ending = ending ?? .failed(error)
        }
    }

    private mutating func take(_ part: EventLog.Part) {
        events = part.events[...]
        readUpTo = part.upTo
    }

    /// From the position on events are sent by another filter.
    public mutating func follow(_ filter: EventFilter) {
        self.filter = filter
        events = []
        readUpTo = position
        isReadingStale = reading != nil
        told = position
    }

    // MARK: The client

    public mutating func wrote(_ bytes: Int, at now: Instant) {
        written += bytes
        unsentBytes += bytes
        if mark == nil { mark = (written, now) }
        if unsentBytes > limits.mostUnsentBytes { ending = ending ?? .slow }
    }

    public mutating func took(_ bytes: Int, at now: Instant) {
        taken += bytes
        unsentBytes -= bytes
        precondition(unsentBytes >= 0, "more bytes taken than written")
        guard let mark, taken >= mark.written else { return }
        self.mark = unsentBytes > 0 ? (written, now) : nil
    }

    /// Something came from the client.
    public mutating func heard(at now: Instant) { heardAt = now }

    /// What is due; to be asked each second or so.
    public mutating func due(at now: Instant) -> Due {
        if ending == nil {
            if let mark, now - mark.at >= limits.patience {
                ending = .slow
            } else if let silence = limits.silence, now - heardAt >= silence {
                ending = .silent
            } else if let expires, now >= expires {
                ending = .failed(ServiceError(.unauthenticated, "The token has expired: connect again with a new one"))
            }
        }
        if let ending { return .end(ending) }
        guard now >= heartbeatAt else { return .nothing }
        heartbeatAt = now + limits.heartbeat
        defer { told = position }
        return .heartbeat(position: position > told ? position : nil)
    }
}
