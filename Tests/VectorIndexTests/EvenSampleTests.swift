import Quantization
import Testing
import VectorIndex

@Suite struct EvenSampleTests {
    @Test(arguments: [1, 63, 64, 65, 999, 1000, 1001, 1999, 2000, 39_999])
    func spreadsOverAllSetBits(_ count: Int) {
        var random = RandomSource(seed: Seed.value)
        for share in [0.1, 0.5, 1] {
            let slots = (0..<count).filter { _ in Double.random(in: 0..<1, using: &random) < share }
            var words = [UInt64](repeating: 0, count: (count + 63) / 64)
            for slot in slots { words[slot / 64] |= 1 << UInt64(slot % 64) }
            for most in [0, 1, 7, 1000, 20_000] {
                let sample = evenSample(of: words, most: most)
                #expect(sample.count == min(most, slots.count), Seed.note)
                #expect(zip(sample, sample.dropFirst()).allSatisfy { $0 < $1 }, Seed.note)
                // The i-th chosen is about the (i · all / chosen)-th of all.
                let places = Dictionary(uniqueKeysWithValues: slots.enumerated().map { ($1, $0) })
                for (i, slot) in sample.enumerated() {
                    let place = places[slot].map(Double.init) ?? -1
                    #expect(abs(place - Double(i) * Double(slots.count) / Double(sample.count)) <= 1, Seed.note)
                }
            }
        }
    }
}
