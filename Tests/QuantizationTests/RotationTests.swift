import Quantization
import TestSupport
import Testing

struct RotationTests {
    static let dimensions = [1, 2, 3, 5, 8, 63, 64, 65, 96, 100, 128, 300, 384, 768, 1000, 1536, 5000, 65_536]

    private func rotate(_ rotation: Rotation, _ vector: [Float]) -> [Float] {
        var vector = vector
        var scratch = [Float](repeating: .nan, count: rotation.dimensions)
        rotation.apply(&vector, scratch: &scratch)
        return vector
    }

    @Test(arguments: dimensions) func keepsProductsAndInverts(dimensions: Int) {
        var random = RandomSource(seed: SeededGenerator().seed)
        let rotation = Rotation(dimensions: dimensions, seed: random.next())
        let a = random.normals(dimensions), b = random.normals(dimensions)
        let ra = rotate(rotation, a), rb = rotate(rotation, b)
        let scale = Double(dimensions)
        #expect(abs(plainScore(.dot, a, b) - plainScore(.dot, ra, rb)) <= 1e-5 * scale)
        #expect(abs(plainScore(.dot, a, a) - plainScore(.dot, ra, ra)) <= 1e-5 * scale)
        var back = ra
        var scratch = [Float](repeating: .nan, count: dimensions)
        rotation.applyInverse(&back, scratch: &scratch)
        for (x, y) in zip(a, back) { #expect(abs(x - y) <= 1e-4) }
    }

    /// The images of all axes form an orthonormal basis.
    @Test(arguments: [1, 2, 3, 7, 48, 64, 100, 192]) func isOrthonormal(dimensions: Int) {
        let rotation = Rotation(dimensions: dimensions, seed: 99)
        let images = (0..<dimensions).map { axis in
            rotate(rotation, (0..<dimensions).map { $0 == axis ? 1 : 0 })
        }
        for i in 0..<dimensions {
            for j in 0...i {
                #expect(abs(plainScore(.dot, images[i], images[j]) - (i == j ? 1 : 0)) <= 1e-5)
            }
        }
    }

    /// One axis must reach every component, or an outlying component would stay in its block.
    @Test(arguments: [128, 300, 768, 1000, 1536]) func spreadsEveryAxis(dimensions: Int) {
        let rotation = Rotation(dimensions: dimensions, seed: 5)
        for axis in stride(from: 0, to: dimensions, by: 37) {
            let image = rotate(rotation, (0..<dimensions).map { $0 == axis ? 1 : 0 })
            let greatest = image.map(abs).max() ?? 0
            #expect(greatest < 0.6, "axis \(axis)")
            for third in 0..<3 {
                let part = image[dimensions * third / 3..<dimensions * (third + 1) / 3]
                let energy = part.reduce(0) { $0 + $1 * $1 }
                #expect(energy > 0.05, "axis \(axis), third \(third)")
            }
        }
    }

    @Test func followsFromItsSeed() {
        let vector = (0..<768).map { Float($0) }
        #expect(Rotation(dimensions: 768, seed: 1) == Rotation(dimensions: 768, seed: 1))
        let one = rotate(Rotation(dimensions: 768, seed: 1), vector)
        let other = rotate(Rotation(dimensions: 768, seed: 2), vector)
        #expect(one != other)
    }

    /// A stored quantizer names its rotation by the seed alone, so the sequence must never change.
    @Test func seedsKeepTheirMeaning() {
        let image = rotate(Rotation(dimensions: 6, seed: 12_345), [1, 2, 3, 5, 8, 13])
        for (x, y) in zip(image, Self.imageOfSeed12345) { #expect(abs(x - y) <= 1e-5, "\(image)") }
    }

    static let imageOfSeed12345: [Float] = [9.25, 8.25, -8.5, -2.75, 4, 4.75]
}
