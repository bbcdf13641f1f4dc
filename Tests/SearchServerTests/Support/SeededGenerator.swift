import Foundation

/// SplitMix64 (Steele, Lea and Flood 2014), so that a failed run can be repeated: its seed is printed, and taken from
/// `TRENDEX_SEED` where that is set.
struct SeededGenerator: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    init(test: String) {
        seed =
            ProcessInfo.processInfo.environment["TRENDEX_SEED"].flatMap { UInt64($0) }
            ?? UInt64.random(in: .min ... .max)
        state = seed
        print("\(test): TRENDEX_SEED=\(seed)")
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
