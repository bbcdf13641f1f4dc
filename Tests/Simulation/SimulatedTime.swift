import Foundation
import Quantization
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

    package func advance(to time: ContinuousClock.Instant) { passed.withLock { $0 = max($0, time - Self.start) } }
}

/// Seeds that follow from one.
package final class SeededSeeds: SeedSource {
    private let random: Mutex<RandomSource>

    package init(_ seed: UInt64) { random = Mutex(RandomSource(seed: seed)) }

    package func next() -> UInt64 { random.withLock { $0.next() } }
}
