/// Measures one stage after another. It never looks at the clock unless it is on.
struct Stopwatch {
    /// `nil` unless it is on.
    private let time: (any TimeSource)?
    /// What the stages have taken so far, in nanoseconds.
    private(set) var times = Explanation.Times()
    private let start: ContinuousClock.Instant?
    private var last: ContinuousClock.Instant?

    init(isOn: Bool, _ time: any TimeSource) {
        self.time = isOn ? time : nil
        start = self.time?.now
        last = start
    }

    /// Adds the time since the last lap to a stage.
    @inline(__always)
    mutating func lap(_ stage: WritableKeyPath<Explanation.Times, Int>) {
        guard let time, let last else { return }
        let now = time.now
        times[keyPath: stage] += (now - last).wholeNanoseconds
        self.last = now
    }

    /// Begins a lap without giving the last one to any stage.
    mutating func skip() {
        if let time { last = time.now }
    }

    /// Nanoseconds since the start.
    var elapsed: Int {
        guard let time, let start else { return 0 }
        return (time.now - start).wholeNanoseconds
    }
}
