import Foundation
import JSON
import Services
import TestSupport
import Testing
import TrendStore

/// The part of a stream that every transport shares, without sockets, threads and clocks.
@Suite struct EventFeedTests {
    private let start = ContinuousClock.now
    private static let subjects = (0..<4).map { _ in UUID() }

    private func event(_ sequence: Int64, _ type: EventType = .trendCreated, _ subject: UUID = subjects[0]) -> Event {
        Event(
            sequence: sequence, type: type, subject: subject, at: Timestamp(microseconds: sequence),
            json: Array("{}".utf8))
    }

    /// A log of which the newest events are in memory.
    private struct Log {
        var events: [Event] = []
        var firstInMemory = 0

        func part(after sequence: Int64, _ filter: EventFilter, limit: Int) -> EventLog.Part {
            let behind = events.filter { $0.sequence > sequence }
            let looked = behind.prefix(limit)
            return EventLog.Part(
                events: looked.filter { filter.admits($0) }, upTo: looked.last?.sequence ?? sequence,
                isEnd: looked.count == behind.count)
        }

        func recent(after sequence: Int64, _ filter: EventFilter, limit: Int) -> EventLog.Part? {
            guard sequence != events.last?.sequence ?? 0 else { return part(after: sequence, filter, limit: limit) }
            guard firstInMemory < events.count, sequence + 1 >= events[firstInMemory].sequence else { return nil }
            return part(after: sequence, filter, limit: limit)
        }
    }

    private func feed(after position: Int64 = 0, _ filter: EventFilter = EventFilter()) -> EventFeed {
        EventFeed(after: position, filter, .webSocket, at: start)
    }

    /// Steps until the feed does anything but send; answers what it has sent, and that step.
    private func run(_ feed: inout EventFeed, _ log: Log, bytes: Int = 1, at now: EventFeed.Instant? = nil) -> (
        [Int64], EventFeed.Step
    ) {
        var sent: [Int64] = []
        while true {
            let step = feed.next(recent: log.recent)
            guard case .send(let event) = step else { return (sent, step) }
            sent.append(event.sequence)
            feed.wrote(bytes, at: now ?? start)
        }
    }

    private func asked(_ step: EventFeed.Step) -> EventFeed.Reading? {
        if case .read(let reading) = step { reading } else { nil }
    }

    @Test func sendsWhatIsBehindItsPlaceAndThenWhatComes() {
        var log = Log(events: (1...200).map { event($0) })
        var feed = feed(after: 100)
        #expect(run(&feed, log) == (Array(101...200), .wait))
        #expect(run(&feed, log) == ([], .wait))
        log.events += [event(203), event(207)]
        #expect(run(&feed, log) == ([203, 207], .wait))
        #expect(feed.position == 207)
    }

    @Test func passesOverWhatIsNotWanted() {
        let log = Log(
            events: (1...1_000).map { event($0, $0 == 900 ? .ideaUpdated : .trendCreated) })
        var feed = feed(after: 0, EventFilter(types: [.ideaUpdated]))
        #expect(run(&feed, log) == ([900], .wait))
        feed.took(1, at: start)
        // Resuming behind here looks at nothing twice.
        #expect(feed.position == 1_000)
        #expect(feed.due(at: start + .seconds(20)) == .heartbeat(position: 1_000))
        #expect(feed.due(at: start + .seconds(40)) == .heartbeat(position: nil))
    }

    @Test func asksForWhatIsNotInMemoryOnceAtATime() throws {
        let log = Log(events: (1...600).map { event($0) }, firstInMemory: 300)
        var feed = feed()
        let (sent, step) = run(&feed, log)
        #expect(sent.isEmpty)
        let reading = try #require(asked(step))
        #expect(reading.after == 0)
        // News don't make it ask again.
        #expect(run(&feed, log) == ([], .wait))
        feed.received(.success(log.part(after: 0, reading.filter, limit: 300)), for: reading)
        // Behind that it goes on in memory.
        #expect(run(&feed, log) == (Array(1...600), .wait))
    }

    @Test func changedFilterHoldsFromThePositionOn() throws {
        let log = Log(
            events: (1...600).map { event($0, $0 % 2 == 0 ? .ideaUpdated : .trendCreated) }, firstInMemory: 600)
        var feed = feed(after: 10, EventFilter(types: [.ideaUpdated]))
        let first = try #require(asked(run(&feed, log).1))
        feed.follow(EventFilter(types: [.trendCreated]))
        // What was asked for with the old filter is thrown away, and there is one reading at a time.
        #expect(run(&feed, log) == ([], .wait))
        feed.received(.success(log.part(after: first.after, first.filter, limit: 50)), for: first)
        let second = try #require(asked(run(&feed, log).1))
        #expect(second.after == 10 && second.filter.types == [.trendCreated])
        // An answer that comes twice counts once.
        feed.received(.success(log.part(after: first.after, first.filter, limit: 50)), for: first)
        #expect(run(&feed, log) == ([], .wait))
        feed.received(.success(log.part(after: second.after, second.filter, limit: 10)), for: second)
        #expect(run(&feed, log).0 == [11, 13, 15, 17, 19])
    }

    @Test func readsOnlyAsFastAsTheClientTakes() {
        let log = Log(events: (1...1_000).map { event($0) })
        var feed = feed()
        let (sent, step) = run(&feed, log, bytes: 1 << 10)
        #expect(sent == Array(1...64) && step == .wait && feed.isFull)
        #expect(feed.unsentBytes == feed.limits.pauseBytes)
        feed.took(1 << 10, at: start)
        #expect(run(&feed, log, bytes: 1 << 10) == ([65], .wait))
    }

    @Test func endsWhenTheClientTakesTooLittle() {
        let log = Log(events: (1...1_000).map { event($0) })
        var feed = feed()
        _ = run(&feed, log, bytes: 1 << 10)
        // What was written first is taken; all that was written by then must follow, and some of it is no progress.
        feed.took(1 << 10, at: start + .seconds(5))
        feed.took(1 << 10, at: start + .seconds(14))
        #expect(feed.due(at: start + .milliseconds(14_999)) == .nothing)
        #expect(feed.due(at: start + .seconds(15)) == .end(.slow))
        #expect(feed.next(recent: log.recent) == .end(.slow))
    }

    @Test func goesOnWhileTheClientTakesWhatItGets() {
        let log = Log(events: (1...10_000).map { event($0) })
        var feed = feed()
        var now = start
        var sent: [Int64] = []
        for _ in 0..<100 {
            sent += run(&feed, log, bytes: 1 << 10, at: now).0
            now += .seconds(9)
            feed.heard(at: now)
            #expect(feed.due(at: now) == .heartbeat(position: nil) || feed.due(at: now) == .nothing)
            // Never all at once: something is always unsent.
            feed.took(feed.unsentBytes - 100, at: now)
        }
        #expect(sent == Array(1...Int64(sent.count)) && sent.count > 5_000)
    }

    @Test func endsWhenAnswersPileUp() {
        var feed = feed()
        for _ in 0..<15 {
            feed.wrote(feed.limits.mostUnsentBytes / 16, at: start)
            #expect(feed.next(recent: { _, _, _ in nil }) == (.wait))
        }
        feed.wrote(feed.limits.mostUnsentBytes / 16, at: start)
        #expect(feed.next(recent: { _, _, _ in nil }) == .wait)
        feed.wrote(1, at: start)
        #expect(feed.next(recent: { _, _, _ in nil }) == .end(.slow))
    }

    @Test func endsWhenNothingIsHeard() {
        var feed = feed()
        feed.heard(at: start + .seconds(30))
        #expect(feed.due(at: start + .milliseconds(89_999)) == .heartbeat(position: nil))
        #expect(feed.due(at: start + .seconds(90)) == .end(.silent))
        // Who can say nothing needn't.
        var other = EventFeed(after: 0, EventFilter(), .serverSentEvents, at: start)
        #expect(other.due(at: start + .seconds(100_000)) == .heartbeat(position: nil))
    }

    @Test func endsWhereTheLogIsGone() throws {
        let log = Log(events: [event(5)], firstInMemory: 0)
        var feed = feed(after: 1)
        let reading = try #require(asked(run(&feed, log).1))
        let gone = ServiceError(.gone, "events are gone")
        feed.received(.failure(gone), for: reading)
        #expect(run(&feed, log) == ([], .end(.failed(gone))))
        #expect(feed.failure == gone)
        var lost = EventFeed(after: 1, EventFilter(), .webSocket, failure: gone, at: start)
        #expect(run(&lost, log) == ([], .end(.failed(gone))))
    }

    /// A token's stream ends with the token.
    @Test func endsWhenItsRightsExpire() {
        let expires = start + .seconds(30)
        var feed = EventFeed(after: 0, EventFilter(), .serverSentEvents, expires: expires, at: start)
        #expect(feed.due(at: start + .seconds(29)) == .heartbeat(position: nil))
        guard case .end(.failed(let error)) = feed.due(at: expires) else {
            Issue.record("it goes on")
            return
        }
        #expect(error.code == .unauthenticated)
    }

    @Test func keepsOfAReadingWhatFits() {
        func long(_ sequence: Int64) -> Event {
            Event(
                sequence: sequence, type: .trendCreated, subject: UUID(), at: .now,
                json: Array("{\"title\":\"\(String(repeating: "x", count: 1_000))\"}".utf8))
        }
        var part = EventLog.Part(events: (1...10).map { long($0) }, upTo: 20, isEnd: true)
        EventOperations.trim(&part, to: 1 << 20)
        #expect(part.events.count == 10 && part.upTo == 20 && part.isEnd)
        EventOperations.trim(&part, to: 3_500)
        #expect(part.events.map(\.sequence) == [1, 2] || part.events.map(\.sequence) == [1, 2, 3])
        #expect(part.upTo == part.events.last?.sequence && !part.isEnd)
        EventOperations.trim(&part, to: 1)
        #expect(part.events.map(\.sequence) == [1] && part.upTo == 1)
    }

    /// Random logs, readings that come late, clients that take what they like, filters that change: each event that is wanted comes
    /// once, in order.
    @Test func sendsEachEventOnceWhateverHappens() {
        var random = SeededGenerator()
        for _ in 0..<300 {
            var log = Log()
            var sequence: Int64 = 0
            func randomFilter() -> EventFilter {
                EventFilter(
                    types: Bool.random(using: &random) ? [] : [.trendCreated, .ideaUpdated],
                    subjects: Bool.random(using: &random) ? [] : Set(Self.subjects.shuffled(using: &random).prefix(2)))
            }
            var filter = randomFilter()
            var feed = feed(after: 0, filter)
            var pending: [(EventFeed.Reading, EventLog.Part)] = []
            var sent: [Int64] = []
            // Each filter with the position from which it holds.
            var filters: [(Int64, EventFilter)] = [(0, filter)]
            for step in 0..<200 {
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<4:
                    for _ in 0..<Int.random(in: 1...100, using: &random) {
                        sequence += Int64.random(in: 1...2, using: &random)
                        log.events.append(
                            event(
                                sequence, random.pick([.trendCreated, .trendUpdated, .ideaUpdated]),
                                random.pick(Self.subjects)))
                    }
                    log.firstInMemory = Int.random(
                        in: log.firstInMemory...log.events.count, using: &random)
                case 4..<6: feed.took(Int.random(in: 0...feed.unsentBytes, using: &random), at: start)
                case 6..<8:
                    guard !pending.isEmpty else { break }
                    let (reading, part) = pending.remove(at: Int.random(in: 0..<pending.count, using: &random))
                    feed.received(.success(part), for: reading)
                case 8 where step % 7 == 0:
                    filter = randomFilter()
                    feed.follow(filter)
                    filters.append((feed.position, filter))
                default: break
                }
                let (more, last) = run(&feed, log, bytes: Int.random(in: 1...5_000, using: &random))
                sent += more
                if case .read(let reading) = last {
                    let limit = Int.random(in: 1...100, using: &random)
                    pending.append((reading, log.part(after: reading.after, reading.filter, limit: limit)))
                }
            }
            // To the end.
            while true {
                feed.took(feed.unsentBytes, at: start)
                for (reading, part) in pending { feed.received(.success(part), for: reading) }
                pending = []
                let (more, last) = run(&feed, log)
                sent += more
                if case .read(let reading) = last {
                    pending = [(reading, log.part(after: reading.after, reading.filter, limit: 100))]
                } else if feed.unsentBytes == 0 || !feed.isFull, feed.position == (log.events.last?.sequence ?? 0) {
                    break
                }
            }
            let expected = log.events.filter { event in
                filters.last { $0.0 < event.sequence }?.1.admits(event) == true
            }
            #expect(sent == expected.map(\.sequence))
        }
    }
}
