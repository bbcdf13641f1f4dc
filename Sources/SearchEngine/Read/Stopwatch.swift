import Dispatch

/// Measures one stage after another. It never looks at the clock unless it is on.
struct Stopwatch {
    let isOn: Bool
    /// What the stages have taken so far.
    private(set) var times = Explanation.Times()
    private let start: UInt64
    private var last: UInt64

    init(isOn: Bool) {
        self.isOn = isOn
        start = isOn ? DispatchTime.now().uptimeNanoseconds : 0
        last = start
    }

    /// Adds the time since the last lap to a stage.
    mutating func lap(_ stage: WritableKeyPath<Explanation.Times, Int>) {
        guard isOn else { return }
        let now = DispatchTime.now().uptimeNanoseconds
        times[keyPath: stage] += Int(now - last)
        last = now
    }

    /// Begins a lap without giving the last one to any stage.
    mutating func skip() {
        if isOn { last = DispatchTime.now().uptimeNanoseconds }
    }

    /// Nanoseconds since the start.
    var elapsed: Int { isOn ? Int(DispatchTime.now().uptimeNanoseconds - start) : 0 }
}

/// What tells how it was found, when it was asked to.
protocol Explained {
    var explanation: Explanation? { get set }
}

extension SearchResult: Explained {}
extension ScrollPage: Explained {}

extension Engine {
    /// Makes attempts as `retrying` does; each goes on with the stopwatch that it gets.
    func explaining<Found: Explained>(
        _ isAsked: Bool, _ operation: String, _ deadline: Deadline?, _ attempt: (Stopwatch) throws -> Found
    ) throws -> Found {
        var watch = Stopwatch(isOn: isAsked)
        var found = try retrying(operation, deadline) {
            // What an attempt in vain took was waiting.
            watch.lap(\.wait)
            return try attempt(watch)
        }
        found.explanation?.times.total = watch.elapsed
        return found
    }
}
