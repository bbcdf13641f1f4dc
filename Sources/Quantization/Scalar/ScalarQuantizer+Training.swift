import CVectorKernels

extension ScalarQuantizer {
    /// On 50,000 sentence embeddings of 768 dimensions and 150 queries (so that shares within 0.004 are alike), the share of the true top 10 among the codes' top 10 (the whole of
    /// them are among the top 15) and the mean error of a cosine: whole range 0.993 and 3.9e-4, 0.99999 0.997 and 3.5e-4,
    /// 0.9999 0.994 and 3.3e-4, 0.999 0.991 and 4.0e-4, 0.99 0.971 and 1.3e-3. The least mean
    /// error decides. Clipping a little also keeps an outlier from widening the step for all; its price is that a row with
    /// a clipped component can be off by several percent of the largest distance in a small, short sample.
    public static let defaultQuantile: Float = 0.9999

    /// Trains a quantizer from sample rows.
    ///
    /// - Parameters:
    ///   - sample: `float[count × dimensions]`, row after row, chosen evenly from the rows to be encoded. Some 10,000 rows
    ///     are plenty. For cosine of any length.
    ///   - count: May be 0: a quantizer of unit range around 0 results.
    ///   - dimensions: 1…65,536.
    ///   - quantile: Share of the rows' components (0.5…1) that the code range covers; the rest is clipped. 1 covers every
    ///     row whole. `nil` is `defaultQuantile`. Much longer rows (dot, euclid) count at the length that they are coded at;
    ///     for the other metrics, rows far outside are left out of account.
    ///   - seed: Fixes the rotation. Equal arguments give equal quantizers.
    /// - Complexity: O(count · d log d); holds one copy of the sample.
    public static func train(
        sample: UnsafePointer<Float>, count: Int, dimensions: Int, metric: Metric, quantile: Float? = nil, seed: UInt64
    ) -> ScalarQuantizer {
        precondition((1...Int(TVK_MAX_DIMENSIONS)).contains(dimensions), "Dimensions must be 1…65,536")
        precondition(count >= 0)
        let probe = ScalarQuantizer(
            dimensions: dimensions, metric: metric, seed: seed, inputScale: 1, step: 1,
            center: [Float](repeating: 0, count: dimensions), errorStep: 1)
        let inputScale =
            metric == .cosine
            ? 1 : powerOfTwoScale(largest: typicalMagnitude(sample, count: count, dimensions: dimensions))
        let quantile = quantile ?? defaultQuantile

        let copy = TemporaryMemory<Float>(capacity: count * dimensions)
        let rotated = copy.base
        let scratch = UnsafeMutablePointer<Float>.allocate(capacity: dimensions)
        defer {
            copy.deallocate()
            scratch.deallocate()
        }
        for row in 0..<count {
            let source = sample + row * dimensions
            let values = rotated + row * dimensions
            probe.load(source, scaledBy: probe.rowScale(source) * Double(inputScale), into: values)
            probe.rotation?.apply(values, scratch: scratch)
        }
        var reach = Float.infinity
        if metric == .dot { reach = shortenAll(rotated, count: count, dimensions: dimensions) }
        let isCovered = metric == .dot || quantile == 1 && metric != .euclid
        let ordinary =
            isCovered
            ? Array(0..<count) : OrdinaryRows.indices(rotated, count: count, dimensions: dimensions)
        var sums = [Double](repeating: 0, count: dimensions)
        for row in ordinary {
            let values = rotated + row * dimensions
            for i in 0..<dimensions { sums[i] += Double(values[i]) }
        }
        let center = sums.map { Float($0 / Double(max(ordinary.count, 1))) }
        // Rows of another length than the others are shortened, and none is far outside then.
        let covered = metric == .euclid ? Array(0..<count) : ordinary
        center.withUnsafeBufferPointer { center in
            guard let center = center.baseAddress else { return }
            // To the front, over rows that aren't needed any more.
            for (place, row) in covered.enumerated() {
                let values = rotated + place * dimensions
                if place != row { values.update(from: rotated + row * dimensions, count: dimensions) }
                Kernels.best.pointee.subtract(values, center, dimensions)
            }
        }
        if metric == .euclid { reach = shortenAll(rotated, count: count, dimensions: dimensions) }
        let values = covered.count * dimensions
        let range = SymmetricRange.covering(rotated, count: values, quantile: quantile)
        let step = max(range / 127, smallestStep)
        return ScalarQuantizer(
            dimensions: dimensions, metric: metric, seed: seed, inputScale: inputScale, step: step, center: center,
            reach: reach, errorStep: max(step, errorStep(rotated, count: values, step: step)))
    }

    /// Rows more than this many times as long as the median row are coded at a scale of their own, which makes them as long as
    /// that. Of rows that differ by less all are coded at one scale, which is what searches are fastest with.
    private static let reachRatio: Float = 2

    /// Shortens the rows that are much longer than the median row to its length. Returns how long rows may be; infinite when all are zero.
    private static func shortenAll(_ rows: UnsafeMutablePointer<Float>, count: Int, dimensions: Int) -> Float {
        let lengths = (0..<count)
            .map { Kernels.best.pointee.sum_squares_f32(rows + $0 * dimensions, dimensions).squareRoot() }
            .filter { $0 > 0 }
            .sorted()
        guard !lengths.isEmpty else { return .infinity }
        let reach = max(reachRatio * lengths[lengths.count / 2], smallestReach)
        for row in 0..<count { _ = ScalarQuantizer.shorten(rows + row * dimensions, dimensions, to: reach) }
        return reach
    }

    /// The step whose rounding errors, uniform within half a step, are as large as those that quantizing makes, clipping
    /// included, in the mean of squares.
    private static func errorStep(_ values: UnsafePointer<Float>, count: Int, step: Float) -> Float {
        var squares = 0.0
        let edge = 127 * step
        for i in 0..<count {
            let bounded = min(max(values[i], -edge), edge)
            let error = Double(values[i] - (bounded / step).rounded() * step)
            squares += error * error
        }
        return Float((12 * squares / Double(max(count, 1))).squareRoot())
    }

    /// The median of the rows' largest components, zero rows aside: a few rows of another size don't move it.
    private static func typicalMagnitude(_ sample: UnsafePointer<Float>, count: Int, dimensions: Int) -> Float {
        let magnitudes = (0..<count)
            .map { Kernels.best.pointee.max_magnitude(sample + $0 * dimensions, dimensions) }
            .filter { $0 > 0 && $0.isFinite }
            .sorted()
        return magnitudes.isEmpty ? 0 : magnitudes[magnitudes.count / 2]
    }
}

/// The symmetric range of a set of values.
enum SymmetricRange {
    private static let bins = 1 << 16
    /// A bin below this one is too wide beside the range: the histogram is made again for the values up to its end.
    private static let leastBin = 1 << 10

    /// The least r (to 1/1,024) such that a share `quantile` of the values lies within ±r; the greatest magnitude when
    /// `quantile` is at least 1. 1 when there is nothing to go by.
    static func covering(_ values: UnsafePointer<Float>, count: Int, quantile: Float) -> Float {
        var greatest: Float = 0
        for i in 0..<count { greatest = max(greatest, abs(values[i])) }
        guard greatest > 0, greatest.isFinite else { return 1 }
        guard quantile < 1 else { return greatest }
        let wanted = Int((Double(max(quantile, 0.5)) * Double(count)).rounded(.up))
        // Each round makes the range 64 times as fine.
        while true {
            let bin = coveringBin(values, count: count, wanted: wanted, greatest: greatest)
            let end = Float(Double(bin + 1) / Double(bins) * Double(greatest))
            if bin >= leastBin || end >= greatest || end < .leastNormalMagnitude { return end }
            greatest = end
        }
    }

    /// The bin, of those that `greatest` is divided into, up to which `wanted` values lie.
    private static func coveringBin(
        _ values: UnsafePointer<Float>, count: Int, wanted: Int, greatest: Float
    ) -> Int {
        var histogram = [Int](repeating: 0, count: bins)
        let binsPerUnit = Double(bins) / Double(greatest)
        for i in 0..<count where abs(values[i]) <= greatest {
            histogram[min(Int(Double(abs(values[i])) * binsPerUnit), bins - 1)] += 1
        }
        var covered = 0
        for bin in 0..<bins {
            covered += histogram[bin]
            if covered >= wanted { return bin }
        }
        return bins - 1
    }
}
