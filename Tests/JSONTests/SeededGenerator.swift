import Foundation

/// SplitMix64. The seed comes from `TRENDEX_SEED` or the clock, and is printed so that a failure can be replayed.
struct SeededGenerator: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    init(test: String) {
        let given = ProcessInfo.processInfo.environment["TRENDEX_SEED"].flatMap { UInt64($0) }
        self.init(seed: given ?? DispatchTime.now().uptimeNanoseconds)
        print("\(test): TRENDEX_SEED=\(seed)")
    }

    init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
