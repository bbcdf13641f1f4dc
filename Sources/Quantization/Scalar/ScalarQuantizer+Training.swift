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
    ///   - quantile: Share of the components (0.5…1) that the code range covers; the rest is clipped. `nil` is
    ///     `defaultQuantile`.
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
        // Components of normalised rows are below 1 as they are.
        var largest: Float = 1
        if metric != .cosine {
            largest = 0
            for row in 0..<count {
                let magnitude = Kernels.best.pointee.max_magnitude(sample + row * dimensions, dimensions)
                if magnitude.isFinite { largest = max(largest, magnitude) }
            }
        }
        let inputScale = powerOfTwoScale(largest: largest)

        let rotated = UnsafeMutablePointer<Float>.allocate(capacity: max(count, 1) * dimensions)
        let scratch = UnsafeMutablePointer<Float>.allocate(capacity: dimensions)
        defer {
            rotated.deallocate()
            scratch.deallocate()
        }
        var sums = [Double](repeating: 0, count: dimensions)
        for row in 0..<count {
            let source = sample + row * dimensions
            let values = rotated + row * dimensions
            probe.load(source, scaledBy: probe.rowScale(source) * Double(inputScale), into: values)
            probe.rotation?.apply(values, scratch: scratch)
            for i in 0..<dimensions { sums[i] += Double(values[i]) }
        }
        let center = sums.map { Float($0 / Double(max(count, 1))) }
        for row in 0..<count {
            let values = rotated + row * dimensions
            center.withUnsafeBufferPointer { center in
                guard let center = center.baseAddress else { return }
                Kernels.best.pointee.subtract(values, center, dimensions)
            }
        }
        let range = SymmetricRange.covering(rotated, count: count * dimensions, quantile: quantile ?? defaultQuantile)
        return ScalarQuantizer(
            dimensions: dimensions, metric: metric, seed: seed, inputScale: inputScale,
            step: max(range / 127, smallestStep), center: center)
    }
}

/// The symmetric range of a set of values.
enum SymmetricRange {
    private static let bins = 1 << 16

    /// The least r (to 1/65,536 of the whole range) such that a share `quantile` of the values lies within ±r; the
    /// greatest magnitude when `quantile` is at least 1. 1 when there is nothing to go by.
    static func covering(_ values: UnsafePointer<Float>, count: Int, quantile: Float) -> Float {
        var greatest: Float = 0
        for i in 0..<count { greatest = max(greatest, abs(values[i])) }
        guard greatest > 0, greatest.isFinite else { return 1 }
        guard quantile < 1 else { return greatest }
        var histogram = [Int](repeating: 0, count: bins)
        let binsPerUnit = Double(bins) / Double(greatest)
        for i in 0..<count {
            histogram[min(Int(Double(abs(values[i])) * binsPerUnit), bins - 1)] += 1
        }
        let wanted = Int((Double(max(quantile, 0.5)) * Double(count)).rounded(.up))
        var covered = 0
        for bin in 0..<bins {
            covered += histogram[bin]
            if covered >= wanted { return Float(Double(bin + 1) / binsPerUnit) }
        }
        return greatest
    }
}
