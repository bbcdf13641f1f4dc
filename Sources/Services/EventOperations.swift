import Foundation
import SearchEngine
import TrendStore

/// The log of events, read by pages and followed by streams.
public enum EventOperations {
    /// Subjects that a filter may name.
    public static let mostSubjects = 1_000

    /// Where in the log something begins.
    public enum Place: Sendable, Equatable {
        /// Behind the newest event.
        case now
        /// In front of the oldest that the log still has.
        case oldest
        case behind(Int64)

        /// The place that a parameter names. 0 is no event's: it means the oldest that there is.
        public static func parameter(_ sequence: Int64) -> Place { sequence == 0 ? .oldest : .behind(sequence) }

        fileprivate func sequence(in log: EventLog) -> Int64 {
            switch self {
            case .now: log.last
            case .oldest: log.oldestPlace
            case .behind(let sequence): sequence
            }
        }
    }

    // MARK: Streams

    public struct Following: Sendable {
        public var filter: EventFilter
        public var place: Place
        public var limits: EventFeed.Limits

        public init(_ filter: EventFilter, from place: Place, _ limits: EventFeed.Limits) {
            self.filter = filter
            self.place = place
            self.limits = limits
        }
    }

    /// What a stream is made of. Never blocks. One whose place is gone has a ``EventFeed/failure``.
    /// A token's stream ends with the token.
    public static let follow = Operation<Following, EventFeed>(.read) { services, caller, following in
        let log = services.trends.events
        let sequence = following.place.sequence(in: log)
        var failure: ServiceError?
        do { try log.requirePlace(sequence) } catch let error as TrendStoreError { failure = ServiceError(error) }
        let now = ContinuousClock.now
        // Times beyond a century are none.
        let left = caller.principal.expires?.timeIntervalSince(services.engine.environment.time.date)
        let expires = left.map { now + .seconds(min($0, 3e9)) }
        return EventFeed(
            after: sequence, following.filter, following.limits, failure: failure, expires: expires, at: now)
    }

    /// Events that a reading looks at.
    private static let lookedAt = 256
    /// What it keeps of them, about.
    private static let mostReadBytes = 256 << 10

    /// Reads a part of the log for a stream. Blocks.
    public static func read(_ reading: EventFeed.Reading, _ services: Services) -> Result<EventLog.Part, ServiceError> {
        do {
            return .success(
                try translatingErrors {
                    var part = try services.trends.events.read(after: reading.after, reading.filter, limit: lookedAt)
                    trim(&part, to: mostReadBytes)
                    return part
                })
        } catch let error as ServiceError {
            return .failure(error)
        } catch {
            return .failure(ServiceError(.failed, "\(error)"))
        }
    }

    /// Leaves out what doesn't fit, but never the first event: many streams may hold such a part at once.
    package static func trim(_ part: inout EventLog.Part, to bytes: Int) {
        var sum = 0
        for (place, event) in part.events.enumerated() {
            sum += event.json.count + MemoryLayout<Event>.size
            guard sum > bytes, place > 0 else { continue }
            part.events.removeSubrange(place...)
            part.upTo = part.events[place - 1].sequence
            part.isEnd = false
            return
        }
    }

    public static func tooManyStreams(most: Int) -> ServiceError {
        .unavailable("Too many event streams: at most \(most) are open at once")
    }

    // MARK: Pages

    public struct PageRequest: Sendable {
        public var filter: EventFilter
        public var place: Place
        /// At least 1.
        public var limit = 100

        public init(_ filter: EventFilter, from place: Place) {
            self.filter = filter
            self.place = place
        }
    }

    public static let list = Operation<PageRequest, EventLog.Page>(.read) { services, _, request in
        guard (1...TrendStore.maximumLimit).contains(request.limit) else {
            throw ServiceError.outOfRange("limit", "must be 1…\(TrendStore.maximumLimit), not \(request.limit)")
        }
        let log = services.trends.events
        return try log.page(after: request.place.sequence(in: log), request.filter, limit: request.limit)
    }
}
