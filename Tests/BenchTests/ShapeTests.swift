import Bench
import Quantization
import Testing

extension Shape: CustomTestStringConvertible {
    public var testDescription: String { name }

    /// The shape of this name, drawn small.
    static func drawn(_ name: String, rows: Int = 2000, queries: Int = 20) throws -> (shape: Shape, data: ShapeData) {
        let shape = try #require(try Shape.named(name).first)
        return (shape, try shape.data(rows: rows, queries: queries, seed: 3))
    }
}

/// What the shapes say of themselves holds for the data that they draw.
@Suite struct ShapeTests {
    private static func values(_ rows: FloatRows) -> [[Float]] { (0..<rows.count).map { Array(rows.row($0)) } }

    @Test(arguments: Shape.all) func hasTheRowsThatItStates(_ shape: Shape) throws {
        let data = try shape.data(rows: 1500, queries: 40, seed: 1)
        #expect(data.base.count == 1500 * shape.rows / Shape.usualRows)
        #expect(data.queries.count == 40 * shape.queries / Shape.usualQueries)
        for rows in [data.base, data.queries] {
            #expect(rows.dimensions == shape.dimensions)
            let values = Self.values(rows)
            #expect(values.allSatisfy { $0.allSatisfy(\.isFinite) })
            #expect(Set(values).count > 2)
            if shape.metric == .cosine {
                // A row of float16 components is as long as rounding leaves it.
                let tolerance = shape.element == .float16 ? 1e-3 : 1e-6
                #expect(values.allSatisfy { abs($0.reduce(0) { $0 + Double($1) * Double($1) } - 1) < tolerance })
            }
        }
        if shape.element != .float32 {
            #expect(Self.values(data.base).allSatisfy { shape.element.rounded($0) == $0 })
        }
        #expect(Set(data.populations) == Set(shape.populations.indices))
        if let filter = data.filter {
            #expect(filter.sets.allSatisfy { $0.count >= shape.k && $0.count < data.base.count })
        }
    }

    /// Rows are published once and in order, and only live ones are removed.
    @Test(arguments: Shape.all) func hasStepsThatCanBeDone(_ shape: Shape) throws {
        let data = try shape.data(rows: 1500, queries: 5, seed: 2)
        var live: Set<Int> = []
        var published = 0
        for step in data.steps {
            switch step {
            case .publish(let end):
                #expect(end > published)
                live.formUnion(published..<end)
                published = end
            case .remove(let rows):
                #expect(!rows.isEmpty && live.isSuperset(of: rows) && Set(rows).count == rows.count)
                live.subtract(rows)
            }
        }
        #expect(published == data.base.count)
        #expect(data.live.rows == live.sorted())
        #expect(live.count >= 20 * shape.k)
    }

    @Test(arguments: Shape.all) func isDecidedByItsSeed(_ shape: Shape) throws {
        let (first, again, other) = (
            try shape.data(rows: 1000, queries: 10, seed: 5), try shape.data(rows: 1000, queries: 10, seed: 5),
            try shape.data(rows: 1000, queries: 10, seed: 6)
        )
        #expect(Self.values(first.base) == Self.values(again.base))
        #expect(Self.values(first.queries) == Self.values(again.queries))
        #expect(first.steps == again.steps && first.populations == again.populations)
        #expect(first.filter?.sets.map(\.rows) == again.filter?.sets.map(\.rows))
        #expect(Self.values(first.base) != Self.values(other.base))
        #expect(Self.values(first.queries) != Self.values(other.queries))
    }

    @Test func isFoundByItsNameOrTheBeginning() throws {
        #expect(Set(Shape.all.map(\.name)).count == Shape.all.count)
        #expect(try Shape.named("dot-lognormal").map(\.name) == ["dot-lognormal"])
        #expect(
            try Shape.named("mixture-3,dot-log").map(\.name) == [
                "dot-lognormal", "dot-lognormal-q99", "dot-lognormal-outlier", "mixture-3",
            ])
        #expect(refusal { try Shape.named("drift,no-such") }.contains("no-such"))
        #expect(refusal { try Shape.named("") }.contains("no such shape"))
        #expect(refusal { try Shape.named("drift,") }.contains("no such shape"))
    }

    /// The neighbours of the minority's queries are of the minority alone, wherever it was inserted.
    @Test(arguments: ["minority-2500", "minority-middle", "minority-last"])
    func theMinorityIsNearItself(name: String) throws {
        let (shape, data) = try Shape.drawn(name)
        let minority = name == "minority-2500" ? 100 : 40
        let first = ["minority-2500": 0, "minority-middle": 980, "minority-last": 1960][name] ?? 0
        let best = try ExactScore.best(
            shape.k, rows: data.base, queries: data.queries, metric: .cosine, label: name)
        #expect(best.joined().allSatisfy { (first..<first + minority).contains($0.row) })
    }

    @Test func halvesAreAtRightAngles() throws {
        let (_, data) = try Shape.drawn("orthogonal-halves")
        for (index, row) in Self.values(data.base).enumerated() {
            let empty = index < 1000 ? row[128...] : row[..<128]
            #expect(empty.allSatisfy { $0 == 0 })
        }
    }

    @Test func copiesAreEqual() throws {
        let (_, data) = try Shape.drawn("equal-copies-cosine")
        let counts = Dictionary(Self.values(data.base).map { ($0, 1) }, uniquingKeysWith: +)
        #expect(counts.count == 40 && counts.values.allSatisfy { $0 == 50 })
    }

    @Test func removedRowsComeBack() throws {
        let (_, data) = try Shape.drawn("churn-return")
        let values = Self.values(data.base)
        var removed: [[Float]] = []
        var published = 2000
        for step in data.steps.dropFirst() {
            switch step {
            case .remove(let rows): removed = rows.map { values[$0] }
            case .publish(let end):
                #expect(Set(values[published..<end]) == Set(removed))
                published = end
            }
        }
        #expect(published == 3200)
    }

    @Test func normalValuesAreNormal() {
        var random = ShapeRandom(seed: 11)
        let values = (0..<400_000).map { _ in Double(random.normal()) }
        func mean(_ term: (Int) -> Double) -> Double {
            (0..<values.count - 1).reduce(0) { $0 + term($1) } / Double(values.count - 1)
        }
        // Each within five deviations of its mean.
        #expect(abs(mean { values[$0] }) < 0.008)
        #expect(abs(mean { values[$0] * values[$0] } - 1) < 0.012)
        #expect(abs(mean { values[$0] * values[$0] * values[$0] * values[$0] } - 3) < 0.08)
        #expect(abs(mean { values[$0] * values[$0 + 1] }) < 0.008)
        #expect(abs(mean { values[$0] * values[$0] * values[$0 + 1] * values[$0 + 1] } - 1) < 0.025)
        let units = (0..<100_000).map { _ in random.positiveUnit() }
        #expect(units.allSatisfy { $0 > 0 && $0 <= 1 })
        #expect(abs(units.reduce(0) { $0 + Double($1) } / 100_000 - 0.5) < 0.005)
    }
}
