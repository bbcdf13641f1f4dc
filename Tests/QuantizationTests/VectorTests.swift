import Glibc
import Quantization
import TestSupport
import Testing

struct VectorTests {
    @Test func rowsOfEveryElementType() {
        #expect(ElementType.float32.rowBytes(dimensions: 768) == 3072)
        #expect(ElementType.float16.rowBytes(dimensions: 768) == 1536)
        #expect(ElementType.uint8.rowBytes(dimensions: 768) == 768)
        let vector: [Float] = [0, 1.5, 2.75, 255, 3.0004883]
        #expect(ElementType.float32.rounded(vector) == vector)
        #expect(ElementType.float16.rounded(vector) == vector.map { Float(Float16($0)) })
        #expect(ElementType.uint8.rounded(vector) == [0, 1, 2, 255, 3])
        #expect(ElementType.float16.row(of: [65_519, 65_520, -1e9, 1]).unrepresentable == 2)
        #expect(ElementType.uint8.row(of: [-0.5, -1, 255.9, 256, .nan]).unrepresentable == 3)
        #expect(ElementType.float32.row(of: [1e38]).unrepresentable == 0)
        #expect(ElementType.uint8.row(of: []).bytes.isEmpty)
    }

    @Test func normalizing() {
        var vector: [Float] = [3, 4]
        #expect(Normalization.normalize(&vector) == 5)
        #expect(vector == [0.6, 0.8])
        var zero: [Float] = [0, 0]
        #expect(Normalization.normalize(&zero) == 0)
        #expect(zero == [0, 0])
        var empty: [Float] = []
        #expect(Normalization.normalize(&empty) == 0)
        var nearly: [Float] = [0.6, 0.8000002]
        let before = nearly
        Normalization.normalize(&nearly)
        #expect(nearly == before)
    }

    @Test func normalizingIsStable() {
        var random = RandomSource(seed: SeededGenerator().seed)
        for dimensions in [1, 2, 17, 768] {
            for scale: Float in [.leastNonzeroMagnitude * 700, 1e-30, 1e-5, 1, 1e5, 1e18, 1e30, 3e37] {
                var vector = random.normals(dimensions, scale: scale).map { $0 == 0 ? scale : $0 }
                Normalization.normalize(&vector)
                let squared = plainScore(.dot, vector, vector)
                // Denormals have few bits, but those are scaled exactly.
                #expect(abs(squared - 1) <= 1e-5, "\(dimensions), \(scale)")
                let once = vector
                Normalization.normalize(&vector)
                #expect(vector == once)
            }
        }
    }

    @Test func levelIsKnown() {
        #expect(["scalar", "avx2", "avx512", "neon"].contains(Kernels.levelName))
    }
}
