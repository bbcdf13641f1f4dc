import NIOCore
import Services
import Synchronization
import TrendStore

/// What carries a stream of events.
enum EventStreamKind: String, Sendable, CaseIterable {
    case webSocket = "websocket"
    case serverSentEvents = "sse"
}

/// All streams of events: how many there are and may be, and those of each event loop.
final class EventStreams: Sendable {
    /// What may be open at once if nothing else is configured.
    private static let usual = 1_000

    /// Streams that may be open at once. Each has a connection of its own.
    let most: Int
    private let log: EventLog
    private let open = Mutex<[EventStreamKind: Int]>([:])
    private let dropped = Atomic(0)
    /// By event loop.
    private let loops = Mutex<[ObjectIdentifier: LoopStreams]>([:])

    /// - Parameters:
    ///   - asked: as configured.
    ///   - connections: that may be open at once. Half of them are left to requests, unless more is configured.
    init(log: EventLog, asked: Int?, connections: Int) {
        self.log = log
        most = asked.map { min($0, connections) } ?? min(Self.usual, max(connections / 2, 1))
    }

    /// A stream that is counted, until it is let go of.
    final class Place: Sendable {
        private let streams: EventStreams
        private let kind: EventStreamKind

        fileprivate init(_ streams: EventStreams, _ kind: EventStreamKind) {
            self.streams = streams
            self.kind = kind
        }

        deinit { streams.open.withLock { $0[kind, default: 0] -= 1 } }
    }

    /// Counts a stream. Throws `.unavailable` when there are as many as may be.
    func place(_ kind: EventStreamKind) throws -> Place {
        let isFree = open.withLock { open in
            guard open.values.reduce(0, +) < most else { return false }
            open[kind, default: 0] += 1
            return true
        }
        guard isFree else { throw EventOperations.tooManyStreams(most: most) }
        return Place(self, kind)
    }

    func count(_ kind: EventStreamKind) -> Int { open.withLock { $0[kind] ?? 0 } }

    /// Streams that were ended because the client took nothing, or was silent.
    var droppedStreams: Int { dropped.load(ordering: .relaxed) }

    func drop() { dropped.wrappingAdd(1, ordering: .relaxed) }

    func streams(of eventLoop: any EventLoop) -> LoopStreams {
        loops.withLock { loops in
            if let streams = loops[ObjectIdentifier(eventLoop)] { return streams }
            let streams = LoopStreams(log: log, eventLoop: eventLoop)
            loops[ObjectIdentifier(eventLoop)] = streams
            return streams
        }
    }
}
