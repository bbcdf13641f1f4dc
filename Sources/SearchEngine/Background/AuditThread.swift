import Foundation
import Logging

/// The background thread that measures recall. It has the lowest priority, and rests so long after each piece of work that
/// it takes a twentieth of one core, and a twentieth of the disk's time where rows are not in memory; half of a core for the
/// first audit of an index, which targets of recall wait for, while the process does nothing else.
final class AuditThread: @unchecked Sendable {
    /// Rest for each second of work.
    private static let rest = 19
    private static let idleRest = 1
    /// Rests shorter than this are added up: each costs a system call.
    private static let shortestRest = Duration.milliseconds(5)
    /// Until it is looked again whether an audit is due.
    private static let idleSeconds = 2.0
    /// After an audit that was given up: whatever changed the index may go on.
    private static let retrySeconds = 10.0

    private let settings: RecallAuditor.Settings
    private let logger: Logger
    private let condition = NSCondition()
    // Under the condition.
    private var isStopping = false
    private var isRunning = false

    init(_ settings: RecallAuditor.Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    /// - Parameter collections: those there are; asked now and then.
    func start(_ collections: @escaping @Sendable () -> [PointCollection]) {
        guard settings.isOn else { return }
        condition.lock()
        isRunning = true
        condition.unlock()
        let thread = Thread { [self] in
            runBehindSearches(nice: 19)
            audit(collections)
            condition.lock()
            isRunning = false
            condition.broadcast()
            condition.unlock()
        }
        thread.name = "trendex-audit"
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Ends the thread after the piece at hand.
    func stop() {
        condition.lock()
        isStopping = true
        condition.broadcast()
        while isRunning { condition.wait() }
        condition.unlock()
    }

    private func audit(_ collections: () -> [PointCollection]) {
        var auditor = RecallAuditor(settings, logger: logger)
        var others = OtherThreads()
        var owed = Duration.zero
        var isStopping = false
        while !isStopping {
            others.look()
            let stopwatch = EffortStopwatch()
            let progress = auditor.step(collections)
            let worked = stopwatch.effort
            switch progress {
            case .idle:
                isStopping = pause(Self.idleSeconds)
                owed = .zero
            case .gaveUp:
                isStopping = pause(Self.retrySeconds)
                owed = .zero
            case .worked(let isFirst):
                owed += worked * (isFirst && others.areIdle ? Self.idleRest : Self.rest)
                if owed >= Self.shortestRest {
                    isStopping = pause(owed / .seconds(1))
                    owed = .zero
                }
            case .finished: owed += worked * Self.rest
            }
        }
    }

    /// Waits, but not beyond the engine's stop. Returns whether that has come.
    private func pause(_ seconds: TimeInterval) -> Bool {
        let end = Date().addingTimeInterval(seconds)
        condition.lock()
        defer { condition.unlock() }
        while !isStopping && Date() < end { _ = condition.wait(until: end) }
        return isStopping
    }
}

/// Measures what a piece of work costs others: its CPU time, or its whole time if it read from the disk.
private struct EffortStopwatch {
    private let worked = WorkLimit.worked
    private let diskReads = Self.diskReads
    private let start = ContinuousClock.now

    var effort: Duration { Self.diskReads > diskReads ? .now - start : WorkLimit.worked - worked }

    /// RUSAGE_THREAD of Linux, which Glibc's module doesn't show.
    private static let callingThread: __rusage_who_t = 1

    /// Pages that this thread has waited for.
    private static var diskReads: Int {
        var usage = rusage()
        getrusage(Self.callingThread, &usage)
        return usage.ru_majflt
    }
}

/// Tells whether the process's other threads have anything to do.
private struct OtherThreads {
    private static let interval = Duration.milliseconds(100)
    /// Of one core; event loops that wait take less.
    private static let busyShare = 0.1

    private var time = ContinuousClock.now
    private var worked = Self.cpuTime
    private(set) var areIdle = false

    /// Every tenth of a second, sees what has been done since.
    mutating func look() {
        let now = ContinuousClock.now
        guard now - time >= Self.interval else { return }
        let worked = Self.cpuTime
        areIdle = (worked - self.worked) / (now - time) < Self.busyShare
        (time, self.worked) = (now, worked)
    }

    /// CPU time of the process without that of the calling thread.
    private static var cpuTime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec) - WorkLimit.worked
    }
}
