import Quantization
import SearchEngine

/// Steps loops on the thread that waits, in an order drawn from a seed. Nothing goes on while nobody waits.
package final class StepExecutor: Executor, @unchecked Sendable {
    // Unchecked: one thread alone may use it.
    private final class Entry {
        let loop: BackgroundLoop
        var state = State.ready

        enum State {
            case ready
            case running
            /// Until it is woken, or until then.
            case resting(until: ContinuousClock.Instant?)
        }

        init(_ loop: BackgroundLoop) { self.loop = loop }
    }

    private final class Call {
        let time: ContinuousClock.Instant
        let body: () -> Void

        init(_ time: ContinuousClock.Instant, _ body: @escaping () -> Void) {
            self.time = time
            self.body = body
        }
    }

    private let time: SimulatedTime
    private var random: RandomSource
    private var entries: [Entry] = []
    private var calls: [Call] = []
    /// Loops whose names begin so are not stepped.
    package var held: String?
    package private(set) var stepsMade = 0
    package let cores = 2

    package init(_ time: SimulatedTime, seed: UInt64) {
        self.time = time
        random = RandomSource(seed: seed)
    }

    package func start(_ loop: BackgroundLoop) { entries.append(Entry(loop)) }

    package func wait(for latch: Latch, until deadline: Deadline?) -> Bool {
        while !latch.isOpen {
            if let deadline, time.now >= deadline { return false }
            if stepOne() { continue }
            guard let next = [nextEvent, deadline].compactMap({ $0 }).min() else {
                preconditionFailure("deadlock: a latch is waited for that nothing will open")
            }
            time.advance(to: next)
        }
        return true
    }

    package func schedule(at time: Deadline, _ body: @escaping @Sendable () -> Void) -> Timer {
        let call = Call(time, body)
        calls.append(call)
        nonisolated(unsafe) let scheduled = call
        return Timer { [weak self] in self?.calls.removeAll { $0 === scheduled } }
    }

    /// Makes so many steps, or fewer if there is nothing to do.
    package func run(steps: Int) {
        for _ in 0..<steps where !stepOne() { return }
    }

    /// Makes steps until all loops rest for so long.
    package func run(for duration: Duration) {
        let end = time.now + duration
        while true {
            if stepOne() { continue }
            guard let next = nextEvent, next <= end else { break }
            time.advance(to: next)
        }
        time.advance(to: end)
    }

    private var nextEvent: ContinuousClock.Instant? {
        let rests = entries.compactMap { entry in
            if case .resting(let end) = entry.state { end } else { nil }
        }
        return (rests + calls.map(\.time)).min()
    }

    private func stepOne() -> Bool {
        if let due = calls.first(where: { $0.time <= time.now }) {
            calls.removeAll { $0 === due }
            due.body()
            return true
        }
        for entry in entries {
            guard case .resting(let end) = entry.state else { continue }
            if entry.loop.takeWake() || end.map({ $0 <= time.now }) ?? false { entry.state = .ready }
        }
        let ready = entries.filter { entry in
            guard case .ready = entry.state else { return false }
            return held.map { !entry.loop.name.hasPrefix($0) } ?? true
        }
        guard let entry = ready.randomElement(using: &random) else { return false }
        entry.state = .running
        stepsMade += 1
        switch entry.loop.step() {
        case .again: entry.state = .ready
        case .whenWoken: entry.state = .resting(until: nil)
        case .after(let duration): entry.state = .resting(until: time.now + duration)
        case .ended: entries.removeAll { $0 === entry }
        }
        return true
    }
}
