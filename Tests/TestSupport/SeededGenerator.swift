import Foundation
import Quantization
import VectorIndex

/// The random numbers of tests: those of `RandomSource`. All tests of a run share one seed: `TRENDEX_SEED`, or a random one. It is
/// printed, so that a failure can be replayed.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    package let seed: UInt64
    private var source: RandomSource

    /// The seed of the run.
    package static let seedOfRun =
        ProcessInfo.processInfo.environment["TRENDEX_SEED"].flatMap { UInt64($0) } ?? .random(in: .min ... .max)

    /// - Parameter name: printed beside the seed. Generators of other names give other numbers.
    package init(_ name: String = #function) {
        seed = Self.seedOfRun
        // Swift's own hashes differ from run to run.
        var hash = Hash64()
        Array(name.utf8).withUnsafeBytes { hash.update($0) }
        source = RandomSource(seed: seed ^ hash.value)
        print("\(name): TRENDEX_SEED=\(seed)")
    }

    /// Whatever `TRENDEX_SEED` says.
    package init(seed: UInt64) {
        self.seed = seed
        source = RandomSource(seed: seed)
    }

    package mutating func next() -> UInt64 { source.next() }

    package mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }

    package mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &self)]
    }

    /// Components from -1 to 1.
    package mutating func vector(_ dimensions: Int) -> [Float] {
        (0..<dimensions).map { _ in Float.random(in: -1...1, using: &self) }
    }
}

/// How often a test does something: a tenth of `count`, but at least once, where `TRENDEX_BRIEF` is set. Under
/// ThreadSanitizer everything takes ten times as long.
package func repetitions(_ count: Int) -> Int {
    ProcessInfo.processInfo.environment["TRENDEX_BRIEF"] == nil ? count : max(count / 10, 1)
}
