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
    ///   - quantile: Share of the ordinary rows' components (0.5…1) that the code range covers; the rest is clipped, and
    ///     so are rows far outside. 1 covers every row whole. `nil` is `defaultQuantile`.
    ///   - seed: Fixes the rotation. Equal arguments give equal quantizers.
    /// - Complexity: O(count · d log d); holds one copy of the sample.
    public static func train(
        sample: UnsafePointer<Float>, count: Int, dimensions: Int, metric: Metric, quantile: Float? = nil, seed: UInt64
    ) -> ScalarQuantizer {
        precondition((1...Int(TVK_MAX_DIMENSIONS)).contains(dimensions), "Dimensions must be 1…65,536")
        precondition(count >= 0)
        let probe = ScalarQuantizer(
            dimensions: dimensions, metric: metric, seed: seed, inputScale: 1, step: 1,
            center: [Float](repeating: 0, count: dimensions))
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
        let ordinary =
            quantile < 1
            ? OrdinaryRows.indices(rotated, count: count, dimensions: dimensions, metric: metric) : Array(0..<count)
        var sums = [Double](repeating: 0, count: dimensions)
        for row in ordinary {
            let values = rotated + row * dimensions
            for i in 0..<dimensions { sums[i] += Double(values[i]) }
        }
        let center = sums.map { Float($0 / Double(max(ordinary.count, 1))) }
        center.withUnsafeBufferPointer { center in
            guard let center = center.baseAddress else { return }
            // To the front, over rows that aren't needed any more.
            for (place, row) in ordinary.enumerated() {
                let values = rotated + place * dimensions
                if place != row { values.update(from: rotated + row * dimensions, count: dimensions) }
                Kernels.best.pointee.subtract(values, center, dimensions)
            }
        }
        let range = SymmetricRange.covering(rotated, count: ordinary.count * dimensions, quantile: quantile)
        return ScalarQuantizer(
            dimensions: dimensions, metric: metric, seed: seed, inputScale: inputScale,
            step: max(range / 127, smallestStep), center: center)
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
