import DequeModule
import Foundation
import GRDB
import JSON
import SearchEngine
import Synchronization

/// The durable log of what happened, and who waits for news of it. Thread-safe.
///
/// An event is committed with the change that it tells of. Who reads on behind the last event that it has seen misses none and
/// sees none twice, across restarts as well, until the log has let go of what is behind (``TrendStore/trimEvents(limit:)``).
public final class EventLog: Sendable {
    /// Of the newest events, which are read from memory: those who follow the log don't ask the database.
    private static let mostRecent = 4_096

    private struct State {
        var recent: Deque<Event> = []
        /// The sequence of the newest event; 0 before the first.
        var last: Int64
        /// That of the newest event that the log has let go of; 0 when it has all.
        var gone: Int64
        var waiting: [UInt64: @Sendable () -> Void] = [:]
        var nextID: UInt64 = 0
    }

    private let state: Mutex<State>
    let engine: Engine

    init(engine: Engine) throws {
        self.engine = engine
        let (last, first) = try engine.read { db in
            (
                try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'events'") ?? 0,
                try Int64.fetchOne(db, sql: "SELECT min(sequence) FROM events")
            )
        }
        state = Mutex(State(last: last, gone: first.map { $0 - 1 } ?? last))
    }

    /// The sequence of the newest committed event; 0 before the first.
    public var last: Int64 { state.withLock { $0.last } }

    /// The place behind which the oldest event stands that the log still has; ``last`` when it has none.
    public var oldestPlace: Int64 { state.withLock { $0.gone } }

    /// Takes committed events in, in their order. On the writer thread.
    func append(_ events: [Event]) {
        guard let newest = events.last else { return }
        let waiting = state.withLock { state in
            for event in events {
                if state.recent.count == Self.mostRecent { state.recent.removeFirst() }
                state.recent.append(event)
            }
            state.last = newest.sequence
            return Array(state.waiting.values)
        }
        for wake in waiting { wake() }
    }

    /// Says that events up to this one are gone.
    package func forget(upTo sequence: Int64) {
        state.withLock { state in
            state.gone = max(state.gone, sequence)
            while let first = state.recent.first, first.sequence <= sequence { state.recent.removeFirst() }
        }
    }

    /// Calls `wake` on the writer thread after each commit with events, until the subscription is ended. `wake` must neither block
    /// nor call the log.
    public func subscribe(_ wake: @escaping @Sendable () -> Void) -> Subscription {
        state.withLock { state in
            state.nextID += 1
            state.waiting[state.nextID] = wake
            return Subscription(id: state.nextID)
        }
    }

    public struct Subscription: Sendable {
        fileprivate let id: UInt64
    }

    public func end(_ subscription: Subscription) {
        state.withLock { _ = $0.waiting.removeValue(forKey: subscription.id) }
    }

    /// A part of the log.
    public struct Part: Sendable {
        /// Those that the filter admits.
        public var events: [Event] = []
        /// Up to where the log was read: the place to read on behind.
        public var upTo: Int64
        /// Whether this was the end of the log.
        public var isEnd: Bool

        package init(events: [Event] = [], upTo: Int64, isEnd: Bool) {
            self.events = events
            self.upTo = upTo
            self.isEnd = isEnd
        }
    }

    /// What is in memory behind a place, for event loops: `nil` where the database has to be asked. Never blocks for long.
    ///
    /// - Parameter limit: events that are looked at.
    public func recent(after sequence: Int64, _ filter: EventFilter, limit: Int) -> Part? {
        state.withLock { state in
            guard sequence <= state.last else { return nil }
            if sequence == state.last { return Part(upTo: sequence, isEnd: true) }
            guard let first = state.recent.first, sequence >= state.gone, sequence + 1 >= first.sequence else {
                return nil
            }
            // Sequences rise, so that the place is found by halving.
            var (low, high) = (0, state.recent.count)
            while low < high {
                let middle = (low + high) / 2
                if state.recent[middle].sequence <= sequence { low = middle + 1 } else { high = middle }
            }
            let end = min(low + limit, state.recent.count)
            var part = Part(upTo: sequence, isEnd: end == state.recent.count)
            for place in low..<end {
                let event = state.recent[place]
                part.upTo = event.sequence
                if filter.admits(event) { part.events.append(event) }
            }
            return part
        }
    }

    /// The events behind a place. Blocks where the database has to be asked.
    ///
    /// Throws `.gone` when the log has let go of events behind the place, and for a place that the log never reached. Complexity:
    /// O(limit).
    ///
    /// - Parameter limit: events that are looked at, at least 1.
    public func read(after sequence: Int64, _ filter: EventFilter = EventFilter(), limit: Int) throws -> Part {
        let last = try requirePlace(sequence)
        if let part = recent(after: sequence, filter, limit: limit) { return part }
        // Not beyond what is published: the database shows a commit a little earlier.
        let (events, upTo) = try engine.read { db in
            let rows = try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT sequence, type, subject, at, data FROM events WHERE sequence > ? AND sequence <= ?
                        ORDER BY sequence LIMIT ?
                        """), arguments: [sequence, last, limit])
            let end: Int64 = if rows.count < limit { last } else { rows.last?["sequence"] ?? last }
            return (try rows.compactMap { try Event($0) }, end)
        }
        // Meanwhile they may have gone.
        _ = try requirePlace(sequence)
        return Part(events: events.filter(filter.admits), upTo: upTo, isEnd: upTo == last)
    }

    /// Returns the sequence of the newest event. Throws `.gone` when what came behind the place can't be told: the log has let go
    /// of some of it, or never reached the place. Asks memory alone.
    @discardableResult
    public func requirePlace(_ sequence: Int64) throws -> Int64 {
        let (gone, last) = state.withLock { ($0.gone, $0.last) }
        guard sequence >= gone else {
            throw TrendStoreError.gone(
                "Events up to \(gone) are gone, so that what came behind \(sequence) can't be told")
        }
        guard sequence <= last else {
            throw TrendStoreError.gone(
                "The log ends with event \(last): there never was an event \(sequence) in this storage")
        }
        return last
    }
}

extension TrendStore {
    /// Events that stay at least, the newest.
    static let keptEvents: Int64 = 500_000

    /// Lets go of the oldest events beyond the newest 500,000, at most `limit` of them. Returns how many.
    public func trimEvents(limit: Int = 10_000) throws -> Int {
        let last = events.last
        return try engine.write(mayUseReserve: true) { [self] transaction in
            let end = last - Self.keptEvents
            guard end > 0 else { return 0 }
            let gone = try Int64.fetchAll(
                transaction.database,
                sql: """
                    DELETE FROM events WHERE sequence IN (SELECT sequence FROM events WHERE sequence <= ? ORDER BY sequence LIMIT ?)
                    RETURNING sequence
                    """, arguments: [end, limit])
            // Before the commit: a read that doesn't find them any more must not take the log for whole. Should they stay after
            // all, they are only told as gone too early.
            if let newest = gone.max() { events.forget(upTo: newest) }
            return gone.count
        }
    }
}
