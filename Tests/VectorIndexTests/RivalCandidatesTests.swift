import CVectorKernels
import Quantization
import Testing
import VectorIndex

/// What a rough ranking keeps against a sort of everything.
struct RivalCandidatesTests {
    /// Rivals in a buffer and a pool of their own.
    private func withRivals<R>(
        k: Int, least: Int, margin: UInt32, most: Int, _ body: (inout RivalCandidates) -> R
    ) -> R {
        let padding = Int(TVK_POOL_PADDING)
        var buffer = [UInt64](repeating: 0, count: RivalCandidates.room(most))
        var pool = [UInt64](repeating: 0, count: padding + max(2 * least, least + 32))
        return buffer.withUnsafeMutableBufferPointer { buffer in
            pool.withUnsafeMutableBufferPointer { pool in
                var rivals = RivalCandidates(
                    keys: buffer.baseAddress!, most: most, best: pool.baseAddress! + padding,
                    bound: RivalBound(k: k, least: least, margin: margin))
                return body(&rivals)
            }
        }
    }

    /// Keys of ranks below `ranks`, in random order.
    private func check(
        count: Int, ranks: UInt32, k: Int, least: Int, margin: UInt32, most: Int, _ random: inout RandomSource
    ) {
        let keys = (0..<count).map { UInt64(UInt32.random(in: 0..<ranks, using: &random)) << 32 | UInt64($0) }
        withRivals(k: k, least: least, margin: margin, most: most) { rivals in
            // Twice: what was offered before `removeAll` leaves no trace.
            for key in keys.prefix(count / 2) { rivals.offer(key / 2) }
            rivals.removeAll()
            for key in keys { rivals.offer(key) }
            let sorted = keys.sorted()
            let kth = count < k ? UInt64.max : sorted[k - 1] >> 32 + UInt64(margin)
            let within = sorted.enumerated().count { $0 < least || $1 >> 32 <= kth }
            if rivals.isOverfull {
                // Not without need.
                #expect(within > most / 2, Seed.note)
            } else {
                let kept = Set(rivals.kept())
                #expect(Set(sorted.prefix(within)).isSubset(of: kept), Seed.note)
                // Only a long list's bound lags behind.
                if least <= 512 { #expect(kept.count == within, Seed.note) }
            }
        }
    }

    @Test func keepTheBestAndWhatIsCloseBehind() {
        var random = RandomSource(seed: Seed.value)
        for _ in 0..<300 {
            let k = Int.random(in: 1...40, using: &random)
            let least = k + Int.random(in: 0...40, using: &random)
            check(
                count: Int.random(in: 0...3000, using: &random),
                ranks: [4, 1000, 1 << 31].randomElement(using: &random)!,
                k: k, least: least, margin: [0, 1, 50, 1 << 27, 1 << 31].randomElement(using: &random)!,
                most: [600, 5000].randomElement(using: &random)!, &random)
        }
        check(count: 20_000, ranks: .max, k: 900, least: 1500, margin: 1 << 20, most: 5000, &random)
    }

    /// A pool of so many keys, `step` ranks apart.
    private func tellsApart(k: Int, step: UInt64, pool size: Int, margin: UInt32) -> Bool {
        withRivals(k: k, least: k + k / 2, margin: margin, most: 1000) { rivals in
            for i in 0..<UInt64(size) { rivals.offer((1000 + step * i) << 32 | i) }
            return rivals.tellsApart(size)
        }
    }

    /// Copies lie together, however many are wanted; what merely is hardly more than is wanted doesn't.
    @Test(arguments: [1, 10, 100]) func copiesAreNotToldApart(k: Int) {
        #expect(!tellsApart(k: k, step: 1, pool: 128, margin: 1000))
        #expect(tellsApart(k: k, step: 10, pool: 128, margin: 1000))
        #expect(tellsApart(k: k, step: 10, pool: 100, margin: 1000))
        // Too few to say.
        #expect(tellsApart(k: k, step: 1, pool: 31, margin: 1000))
    }
}
