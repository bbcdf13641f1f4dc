import Dispatch

/// Measures one stage after another. It never looks at the clock unless it is on.
struct Stopwatch {
    let isOn: Bool
    private let start: UInt64
    private var last: UInt64

    init(isOn: Bool) {
        self.isOn = isOn
        start = isOn ? DispatchTime.now().uptimeNanoseconds : 0
        last = start
    }

    /// Adds the time since the last lap to a stage.
    mutating func lap(_ nanoseconds: inout Int) {
        guard isOn else { return }
        let now = DispatchTime.now().uptimeNanoseconds
        nanoseconds += Int(now - last)
        last = now
    }

    /// Begins a lap without giving the last one to any stage.
    mutating func skip() {
        if isOn { last = DispatchTime.now().uptimeNanoseconds }
    }

    /// Nanoseconds since the start.
    var elapsed: Int { isOn ? Int(DispatchTime.now().uptimeNanoseconds - start) : 0 }
}
