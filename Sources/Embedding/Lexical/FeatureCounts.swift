/// How often each feature of a text occurs.
struct FeatureCounts {
    /// Keeps equal letters of different kinds apart. The numbers are hashed.
    enum Kind: UInt8 {
        case empty = 0
        case word = 1
        case pair = 2
        case part = 3
    }

    private struct Feature {
        var hash: UInt64
        var weight: Double
        var count: Int
    }

    /// In the order of their first occurrence, so that sums are rounded alike everywhere.
    private var features: [Feature] = []
    private var places: [UInt64: Int] = [:]

    mutating func add(_ kind: Kind, _ letters: some Sequence<UInt32>, weight: Double) {
        let hash = Self.hash(kind, letters)
        if let place = places[hash] {
            features[place].count += 1
        } else {
            places[hash] = features.count
            features.append(Feature(hash: hash, weight: weight, count: 1))
        }
    }

    /// The signed sum of all features.
    func vector(dimensions: Int) -> [Float] {
        var sums = [Double](repeating: 0, count: dimensions)
        for feature in features {
            // The upper bits choose the component and the lowest the sign.
            let component = Int(feature.hash.multipliedFullWidth(by: UInt64(dimensions)).high)
            let value = feature.weight * Double(feature.count).squareRoot()
            sums[component] += feature.hash & 1 == 0 ? value : -value
        }
        return sums.map { Float($0) }
    }

    /// FNV-1a over the bytes (Fowler, Noll, Vo), then the finalizer of SplitMix64 (Steele, Lea, Flood 2014), without which the
    /// upper bits depend little on the last letters.
    private static func hash(_ kind: Kind, _ letters: some Sequence<UInt32>) -> UInt64 {
        var state: UInt64 = 0xCBF2_9CE4_8422_2325
        func mix(_ byte: UInt32) { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
        mix(UInt32(kind.rawValue))
        for letter in letters {
            for shift: UInt32 in [0, 8, 16] { mix((letter >> shift) & 0xFF) }
        }
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
