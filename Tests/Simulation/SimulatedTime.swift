import Foundation
import SearchEngine
import Synchronization

/// A clock that stands still until it is advanced.
package final class SimulatedTime: TimeSource {
    /// The same for all machines, so that their instants compare.
    private static let start = ContinuousClock.now
    private let passed = Mutex(Duration.zero)

    package init() {}

    package var now: ContinuousClock.Instant { Self.start + passed.withLock { $0 } }
    package var date: Date { Date(timeIntervalSince1970: 1_800_000_000 + passed.withLock { $0 } / .seconds(1)) }
    package var threadWork: Duration { .zero }
    package var processWork: Duration { .zero }
    package var threadDiskReads: Int { 0 }

    func advance(to time: ContinuousClock.Instant) { passed.withLock { $0 = max($0, time - Self.start) } }
}

/// Seeds that follow from one.
package final class SeededSeeds: SeedSource {
    private let random: Mutex<SplitMix>

    package init(_ seed: UInt64) { random = Mutex(SplitMix(seed)) }

    package func next() -> UInt64 { random.withLock { $0.next() } }
}

/// splitmix64 (Steele, Lea and Flood, 2014).
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
