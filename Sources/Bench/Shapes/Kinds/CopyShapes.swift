import Quantization

// Rows that are equal to many others.

extension Shape {
    static let copies =
        [Metric.cosine, .euclid].map { metric in
            Shape(
                name: "equal-copies-\(metric)", summary: "1,000 vectors with 50 equal copies each, queries near them",
                metric: metric, dimensions: 128
            ) { maker in
                let originals = (0..<maker.scaled(1000)).map { _ in maker.random.direction(maker.dimensions) }
                let order = (0..<maker.rowCount).map { $0 % originals.count }.shuffled(using: &maker.random)
                return ShapeData(
                    base: try maker.base { index, row, _ in _ = row.update(fromContentsOf: originals[order[index]]) },
                    queries: try maker.queries { _, row, random in
                        _ = row.update(fromContentsOf: originals[random.below(originals.count)])
                        random.addNoise(0.3, to: row)
                    })
            }
        } + [
            Shape(
                name: "copies-outlier", summary: "5,000 vectors with 9 equal rows and one outlier each",
                metric: .euclid, dimensions: 64
            ) { maker in
                let originals = (0..<maker.scaled(5000)).map { _ in maker.random.direction(maker.dimensions) }
                let order = (0..<maker.rowCount).shuffled(using: &maker.random)
                return ShapeData(
                    base: try maker.base { index, row, random in
                        let (copy, original) = order[index].quotientAndRemainder(dividingBy: originals.count)
                        _ = row.update(fromContentsOf: originals[original])
                        if copy == 0 { random.addNoise(0.5, to: row) }
                    },
                    queries: try maker.queries { _, row, random in
                        _ = row.update(fromContentsOf: originals[random.below(originals.count)])
                        random.addNoise(0.1, to: row)
                    })
            }
        ]
}
