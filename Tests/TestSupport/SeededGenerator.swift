import Foundation

/// The random numbers of tests: SplitMix64 (Steele, Lea and Flood 2014). The seed comes from `TRENDEX_SEED` or the clock, and is
/// printed, so that a failure can be replayed.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    package let seed: UInt64
    private var state: UInt64

    /// The seed that the environment gives.
    package static let given = ProcessInfo.processInfo.environment["TRENDEX_SEED"].flatMap { UInt64($0) }

    /// - Parameter test: printed beside the seed.
    package init(_ test: String = #function) {
        self.init(seed: Self.given ?? .random(in: .min ... .max))
        print("\(test): TRENDEX_SEED=\(seed)")
    }

    /// Whatever `TRENDEX_SEED` says.
    package init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    package mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }

    package mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &self)]
    }

    /// Components from -1 to 1.
    package mutating func vector(_ dimensions: Int) -> [Float] {
        (0..<dimensions).map { _ in Float.random(in: -1...1, using: &self) }
    }
}
