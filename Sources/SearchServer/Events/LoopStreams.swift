import JSON
import NIOCore
import Synchronization
import TrendStore

/// The streams of one event loop. The log wakes the loop once for all of them, and one timer serves their heartbeats and limits of
/// time.
///
/// Used on its event loop alone, but for `wake`.
final class LoopStreams: @unchecked Sendable {
    /// Streams that are served before others on the loop have a turn.
    private static let atOnce = 32
    /// The loop rests from its streams so many times as long as they took: at most a fifth of its time is theirs.
    private static let restShare = 4
    /// What is too short to rest from.
    private static let shortest = TimeAmount.microseconds(100)
    private static let interval = TimeAmount.seconds(1)
    private static let mostEncoded = 256

    let log: EventLog
    private let eventLoop: any EventLoop
    private var streams: [ObjectIdentifier: EventStream] = [:]
    private var subscription: EventLog.Subscription?
    private var ticking: Scheduled<Void>?
    /// The log has had news since the last round began.
    private let isWoken = Atomic(false)
    private var isInRound = false
    /// Recent events as JSON: all streams send the same ones.
    private var encoded: [Int64: [UInt8]] = [:]

    init(log: EventLog, eventLoop: any EventLoop) {
        self.log = log
        self.eventLoop = eventLoop
    }

    func add(_ stream: EventStream) {
        streams[ObjectIdentifier(stream)] = stream
        guard subscription == nil else { return }
        subscription = log.subscribe { [weak self] in self?.wake() }
        scheduleTick()
    }

    private func scheduleTick() {
        ticking = eventLoop.assumeIsolated().scheduleTask(in: Self.interval) { [self] in
            for stream in Array(streams.values) { stream.tick() }
            if !streams.isEmpty { scheduleTick() }
        }
    }

    func remove(_ stream: EventStream) {
        streams[ObjectIdentifier(stream)] = nil
        guard streams.isEmpty else { return }
        if let subscription { log.end(subscription) }
        subscription = nil
        ticking?.cancel()
        ticking = nil
        encoded = [:]
    }

    /// On the writer thread.
    private func wake() {
        guard !isWoken.exchange(true, ordering: .acquiringAndReleasing) else { return }
        eventLoop.execute { self.beginRound() }
    }

    /// Serves each stream once, unless that is going on: its end looks for news again.
    private func beginRound() {
        guard !isInRound, isWoken.exchange(false, ordering: .acquiringAndReleasing) else { return }
        isInRound = true
        serve(Array(streams.values)[...], took: .zero)
    }

    private func serve(_ waiting: ArraySlice<EventStream>, took: TimeAmount) {
        let start = NIODeadline.now()
        for stream in waiting.prefix(Self.atOnce) { stream.advance() }
        let took = took + (.now() - start)
        let rest = waiting.dropFirst(Self.atOnce)
        let end: () -> Void = {
            if rest.isEmpty {
                self.isInRound = false
                self.beginRound()
            } else {
                self.serve(rest, took: took)
            }
        }
        if !rest.isEmpty {
            eventLoop.assumeIsolated().execute(end)
        } else if took <= Self.shortest {
            end()
        } else {
            eventLoop.assumeIsolated().scheduleTask(in: took * Self.restShare, end)
        }
    }

    /// `{"type": …, "sequence": …, "at": …, "subject": …, "data": …}`
    func json(of event: Event) -> [UInt8] {
        if let json = encoded[event.sequence] { return json }
        if encoded.count >= Self.mostEncoded { encoded = [:] }
        var writer = JSONWriter(capacity: 512)
        writer.write(event)
        encoded[event.sequence] = writer.bytes
        return writer.bytes
    }
}
