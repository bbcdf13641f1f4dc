import Quantization
import Testing
import VectorIndex

@Suite struct RecallCurveTests {
    /// A curve of queries that all find what `recall` says.
    private func curve(k: Int = 10, queries: Int = 400, _ recall: (Int, Int) -> Double) -> RecallCurve {
        var curve = RecallCurve(k: k)
        for query in 0..<queries { curve.add(curve.points.map { recall($0.width, query) }) }
        return curve
    }

    @Test func widthsAreAtLeastK() {
        #expect(RecallCurve(k: 10).points.map(\.width) == RecallCurve.widths)
        #expect(RecallCurve(k: 100).points.first?.width == 100)
    }

    @Test func theNarrowestWidthThatIsEnough() throws {
        // Finds all from width 160 on, and at 128 half of the queries miss one of ten.
        let curve = curve { width, query in width >= 160 || query % 2 == 0 ? 1 : width >= 128 ? 0.9 : 0.5 }
        #expect(curve.recall(at: 128).map { abs($0 - 0.95) < 1e-9 } == true)
        let width = try #require(curve.width(for: 0.97))
        #expect((129..<160).contains(width))
        #expect(try #require(curve.width(for: 0.75)) <= 101)
        #expect(try #require(curve.width(for: 0.95)) > 128, "half a standard error on the safe side")
        #expect(curve.width(for: 0.999) == nil, "no sample of 400 tells so much")
        // A greater recall never takes a narrower walk.
        let targets = stride(from: 0.5, through: 0.99, by: 0.01).compactMap { curve.width(for: $0) }
        #expect(targets.count == 50 && targets == targets.sorted())
    }

    @Test func noWidthIsPromisedWithoutMeasurement() {
        #expect(RecallCurve(k: 10).width(for: 0.5) == nil)
        #expect(RecallCurve(k: 10).recall(at: 64) == nil)
        #expect(curve(queries: RecallCurve.leastQueries - 1) { _, _ in 1 }.width(for: 0.9) == nil)
        #expect(curve(queries: RecallCurve.leastQueries) { _, _ in 1 }.width(for: 0.9) == 10)
        #expect(curve(queries: 512) { _, _ in 1 }.width(for: 0.96) == 10)
        #expect(curve(queries: 512) { _, _ in 1 }.width(for: 0.97) == 64, "more than a group of copies fits in")
        #expect(curve { _, _ in 0.6 }.width(for: 0.9) == nil)
    }

    @Test func boundsHoldTheTruth() {
        // Samples of 200 queries that find 9 of 10 on average: 95 of 100 intervals should hold 0.9.
        var random = RandomSource(seed: 7)
        var held = 0
        for _ in 0..<400 {
            let curve = curve(queries: 200) { _, _ in
                Double((0..<10).count { _ in Double.random(in: 0..<1, using: &random) < 0.9 }) / 10
            }
            let bounds = curve.points[0].bounds
            #expect(bounds.lowerBound >= 0 && bounds.upperBound <= 1 && bounds.contains(curve.points[0].recall))
            held += bounds.contains(0.9) ? 1 : 0
        }
        #expect((365...398).contains(held))
        let perfect = curve(queries: 100) { _, _ in 1 }.points[0].bounds
        #expect(perfect.upperBound > 0.9999 && perfect.lowerBound > 0.95 && perfect.lowerBound < 0.98)
        #expect(RecallCurve(k: 1).points[0].bounds == 0...1)
    }
}

@Suite struct ExactSweepTests {
    /// In pieces of any size it finds what an exact search finds, also under a filter, and while rows come and go.
    @Test(arguments: [1, 100, 5000]) func findsWhatAnExactSearchFinds(_ slots: Int) {
        let parameters = IndexParameters(dimensions: 24, metric: .euclid)
        var vectors = ClusteredVectors(parameters, clusters: 20, seed: Seed.value)
        let rows = Rows(parameters, capacity: 3000)
        for _ in 0..<3000 { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 2000, absent: [5])
        index.remove([17, 18])
        let allowed = SlotBitmap(count: 2000) { $0 % 3 != 0 }
        for filter in [nil, allowed] {
            let query = vectors.query()
            var sweep = ExactSweep(k: 10)
            let expected = index.search(query, SearchOptions(k: 10, exact: true), allowed: filter).hits
            var pieces = 0
            while !sweep.isDone {
                query.withUnsafeBufferPointer { index.advance(&sweep, $0, slots: slots, allowed: filter) }
                pieces += 1
                if pieces == 1, filter == nil {
                    // Rows that come later aren't part of it.
                    index.publish(rows: rows.matrix, count: 2001, absent: [])
                }
            }
            #expect(sweep.hits == expected, Seed.note)
            #expect(pieces == (filter == nil ? 2000 + slots - 1 : 2001 + slots - 1) / slots)
        }
    }

    @Test func randomSlotsAreLive() {
        let parameters = IndexParameters(dimensions: 8, metric: .dot)
        let rows = Rows(parameters, capacity: 100)
        for slot in 0..<100 { rows.append([Float](repeating: Float(slot), count: 8)) }
        let index = VectorIndex(parameters)
        var random = RandomSource(seed: Seed.value)
        #expect(index.randomLiveSlots(5, using: &random).isEmpty)
        index.publish(rows: rows.matrix, count: 100, absent: [3])
        index.remove((10..<90).map { UInt32($0) })
        let drawn = index.randomLiveSlots(500, using: &random)
        #expect(drawn.count > 400 && Set(drawn) == Set((0..<10).filter { $0 != 3 } + (90..<100)), Seed.note)
    }
}
