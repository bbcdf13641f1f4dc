import Logging
import Synchronization

/// The background loop that measures recall. It has the lowest priority, and rests after each piece of work as ``AuditPace``
/// says.
final class AuditLoop: Sendable {
    /// Rests shorter than this are added up: each costs a system call.
    private static let shortestRest = Duration.milliseconds(5)
    /// Until it is looked again whether an audit is due.
    private static let idleTime = Duration.seconds(2)
    /// After an audit that was given up: whatever changed the index may go on.
    private static let retryTime = Duration.seconds(10)

    private struct State {
        var auditor: RecallAuditor
        var others: OtherThreads
        var owed = Duration.zero
        var pace = AuditPace()
    }

    private let settings: RecallAuditor.Settings
    private let environment: Environment
    /// The loop's alone.
    private let state: Mutex<State>
    private let isStopping = Atomic(false)
    private let loop = Mutex<BackgroundLoop?>(nil)

    init(_ settings: RecallAuditor.Settings, environment: Environment, logger: Logger) {
        self.settings = settings
        self.environment = environment
        state = Mutex(
            State(
                auditor: RecallAuditor(settings, environment: environment, logger: logger),
                others: OtherThreads(environment.time)))
    }

    /// - Parameter collections: those there are; asked now and then.
    func start(_ collections: @escaping @Sendable () -> [PointCollection]) {
        guard settings.isOn else { return }
        let loop = BackgroundLoop("trendex-audit", .background(nice: 19)) { [self] in
            if isStopping.load(ordering: .relaxed) { return .ended }
            return state.withLock { step(&$0, collections) }
        }
        self.loop.withLock { $0 = loop }
        environment.executor.start(loop)
    }

    /// Ends the loop after the piece at hand.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        if let loop = loop.withLock({ $0 }) { environment.executor.end([loop]) }
    }

    private func step(_ state: inout State, _ collections: () -> [PointCollection]) -> BackgroundLoop.Next {
        let time = environment.time
        state.others.look(time)
        let stopwatch = EffortStopwatch(time)
        let progress = state.auditor.step(collections)
        let worked = stopwatch.effort(time)
        switch progress {
        case .idle:
            state.owed = .zero
            state.pace = AuditPace()
            return .after(Self.idleTime)
        case .gaveUp:
            state.owed = .zero
            return .after(Self.retryTime)
        case .worked(let isFirst):
            state.owed += worked * state.pace.rest(isFirst: isFirst, areOthersIdle: state.others.areIdle, now: time.now)
            guard state.owed >= Self.shortestRest else { return .again }
            defer { state.owed = .zero }
            return .after(state.owed)
        case .finished:
            state.owed += worked * AuditPace.rest
            return .again
        }
    }
}

/// How long the audit loop rests for each second of work.
///
/// Usually so long that it takes a twentieth of one core, and a twentieth of the disk's time where rows are not in memory. Targets
/// of recall wait for the first audit of an index: it takes half of a core while the process does nothing else, and a quarter
/// when it has waited for that long enough. Endless requests, however few, would put it off for minutes.
package struct AuditPace: Sendable {
    package static let rest = 19
    package static let idleRest = 1
    package static let impatientRest = 3
    /// So long first audits take little while others work.
    package static let patience = Duration.seconds(10)

    /// When the first of the first audits began that are made one after another.
    private var began: ContinuousClock.Instant?

    package init() {}

    /// - Parameters:
    ///   - isFirst: whether the work is part of the first audit of its index.
    ///   - areOthersIdle: whether the process's other threads have nothing to do.
    package mutating func rest(isFirst: Bool, areOthersIdle: Bool, now: ContinuousClock.Instant) -> Int {
        guard isFirst else {
            began = nil
            return Self.rest
        }
        let since = began ?? now
        began = since
        if areOthersIdle { return Self.idleRest }
        return now - since < Self.patience ? Self.rest : Self.impatientRest
    }
}

/// Measures what a piece of work costs others: its CPU time, or its whole time if it read from the disk.
private struct EffortStopwatch {
    private let work: Duration
    private let diskReads: Int
    private let start: ContinuousClock.Instant

    init(_ time: any TimeSource) {
        work = time.threadWork
        diskReads = time.threadDiskReads
        start = time.now
    }

    func effort(_ time: any TimeSource) -> Duration {
        time.threadDiskReads > diskReads ? time.now - start : time.threadWork - work
    }
}

/// Tells whether the process's other threads have anything to do.
private struct OtherThreads {
    private static let interval = Duration.milliseconds(100)
    /// Of one core; event loops that wait take less.
    private static let busyShare = 0.1

    private var time: ContinuousClock.Instant
    private var work: Duration
    private(set) var areIdle = false

    init(_ source: any TimeSource) {
        time = source.now
        work = Self.work(source)
    }

    /// Every tenth of a second, sees what has been done since.
    mutating func look(_ source: any TimeSource) {
        let now = source.now
        guard now - time >= Self.interval else { return }
        let work = Self.work(source)
        areIdle = (work - self.work) / (now - time) < Self.busyShare
        (time, self.work) = (now, work)
    }

    /// CPU time of the process without that of the calling thread.
    private static func work(_ source: any TimeSource) -> Duration { source.processWork - source.threadWork }
}
