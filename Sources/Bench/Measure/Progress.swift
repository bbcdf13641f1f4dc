import Foundation

/// Lines on standard error that tell how far long work is, at most one every two seconds.
final class Progress {
    private let label: String
    private let total: Int
    private let start = nowNanoseconds()
    private var lastPrint: UInt64

    init(_ label: String, total: Int) {
        self.label = label
        self.total = total
        lastPrint = start
    }

    func update(_ done: Int) {
        let now = nowNanoseconds()
        guard now - lastPrint >= 2_000_000_000 else { return }
        lastPrint = now
        let seconds = Double(now - start) / 1e9
        let rate = Double(done) / seconds
        let left = rate > 0 ? Int((Double(total - done) / rate).rounded(.up)) : 0
        note("  \(label): \(done)/\(total) (\(100 * done / max(total, 1)) %), \(Int(rate)) a second, \(left) s left")
    }
}

/// Writes a line to standard error.
func note(_ line: String) {
    try? FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
}
