import Quantization
import TestSupport
import Testing

struct PrincipalComponentsTests {
    private func train(_ rows: [[Float]], count: Int) throws -> PrincipalComponents {
        try PrincipalComponents.train(
            sample: Array(rows.joined()), sampleCount: rows.count, dimensions: rows[0].count, count: count)
    }

    private func transform(_ pca: PrincipalComponents, _ rows: [[Float]]) -> [[Float]] {
        var out = [Float](repeating: .nan, count: rows.count * pca.count)
        pca.transform(Array(rows.joined()), rowCount: rows.count, into: &out)
        return (0..<rows.count).map { Array(out[$0 * pca.count..<($0 + 1) * pca.count]) }
    }

    /// Rows made of three hidden directions of known strength.
    @Test func findsThePlantedDirections() throws {
        var random = RandomSource(seed: SeededGenerator().seed)
        let dimensions = 40
        let offset = random.normals(dimensions)
        // Coordinate axes turned by an orthonormal map.
        let rotation = Rotation(dimensions: dimensions, seed: 3)
        var scratch = [Float](repeating: 0, count: dimensions)
        let directions = (0..<3).map { axis in
            var direction = (0..<dimensions).map { Float($0 == axis ? 1 : 0) }
            rotation.apply(&direction, scratch: &scratch)
            return direction
        }
        let strengths: [Float] = [10, 5, 2]
        let rows = (0..<4000).map { _ in
            var row = offset
            for (direction, strength) in zip(directions, strengths) {
                let amount = random.normal() * strength
                for i in 0..<dimensions { row[i] += amount * direction[i] }
            }
            return row.map { $0 + 0.01 * random.normal() }
        }
        let pca = try train(rows, count: 3)
        for i in 0..<3 {
            let component = Array(pca.components[i * dimensions..<(i + 1) * dimensions])
            #expect(abs(abs(plainScore(.dot, component, directions[i])) - 1) <= 0.01)
            #expect(abs(pca.variances[i] / (strengths[i] * strengths[i]) - 1) <= 0.15)
        }
        #expect(pca.variances.reduce(0, +) / pca.totalVariance > 0.999)
        for (row, projected) in zip(rows.prefix(50), transform(pca, Array(rows.prefix(50)))) {
            var back = [Float](repeating: .nan, count: dimensions)
            pca.inverseTransform(projected, rowCount: 1, into: &back)
            #expect(plainScore(.euclid, row, back) >= -0.02)
        }
    }

    @Test func componentsAreOrthonormalAndTransformsPlain() throws {
        var random = RandomSource(seed: SeededGenerator().seed)
        for (dimensions, sampleCount, count) in [(1, 5, 1), (7, 3, 7), (64, 500, 20), (100, 40, 100)] {
            let rows = (0..<sampleCount).map { _ in random.normals(dimensions) }
            let pca = try train(rows, count: count)
            let components = (0..<count).map { Array(pca.components[$0 * dimensions..<($0 + 1) * dimensions]) }
            for i in 0..<count {
                for j in 0...i {
                    #expect(abs(plainScore(.dot, components[i], components[j]) - (i == j ? 1 : 0)) <= 1e-4)
                }
                #expect(pca.variances[i] >= 0)
                if i > 0 { #expect(pca.variances[i] <= pca.variances[i - 1] + 1e-5) }
            }
            for (row, projected) in zip(rows, transform(pca, rows)) {
                let centered = zip(row, pca.mean).map { $0 - $1 }
                for i in 0..<count {
                    #expect(abs(Double(projected[i]) - plainScore(.dot, centered, components[i])) <= 1e-4)
                }
            }
            if count == dimensions {
                // All components kept: distances are kept too.
                let projected = transform(pca, rows)
                let before = plainScore(.euclid, rows[0], rows[1]),
                    after = plainScore(.euclid, projected[0], projected[1])
                #expect(abs(before - after) <= 1e-3 * (1 + abs(before)))
            }
        }
    }

    @Test func constantSample() throws {
        let rows = [[Float]](repeating: [1, 2, 3], count: 4)
        let pca = try train(rows, count: 2)
        #expect(pca.mean == [1, 2, 3])
        #expect(pca.variances == [0, 0] && pca.totalVariance == 0)
        #expect(transform(pca, rows).allSatisfy { $0.allSatisfy { abs($0) < 1e-6 } })
        pca.transform([], rowCount: 0, into: UnsafeMutablePointer<Float>.allocate(capacity: 1))
    }
}
