import CVectorKernels

extension ScalarQuantizer {
    /// Trains a quantizer from sample rows.
    ///
    /// - Parameters:
    ///   - sample: `float[count × dimensions]`, row after row, chosen evenly from the rows to be encoded. Some 10,000 rows
    ///     are plenty. For cosine of any length.
    ///   - count: May be 0: a quantizer of unit range around 0 results.
    ///   - dimensions: 1…65,536.
    ///   - quantile: Share of the components (0.5…1) that the code range covers; the rest is clipped. `nil` covers the
    ///     whole range of the sample, which is the most accurate when rows are rotated.
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
            for row in 0..<count { largest = max(largest, probe.largestMagnitude(sample + row * dimensions)) }
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
            for i in 0..<dimensions { values[i] -= center[i] }
        }
        let range = SymmetricRange.covering(rotated, count: count * dimensions, quantile: quantile)
        return ScalarQuantizer(
            dimensions: dimensions, metric: metric, seed: seed, inputScale: inputScale,
            step: max(range / 127, smallestStep), center: center)
    }
}

/// The symmetric range of a set of values.
enum SymmetricRange {
    private static let bins = 1 << 16

    /// The least r (to 1/65,536 of the whole range) such that a share `quantile` of the values lies within ±r; the
    /// greatest magnitude when `quantile` is nil or at least 1. 1 when there is nothing to go by.
    static func covering(_ values: UnsafePointer<Float>, count: Int, quantile: Float?) -> Float {
        var greatest: Float = 0
        for i in 0..<count { greatest = max(greatest, abs(values[i])) }
        guard greatest > 0, greatest.isFinite else { return 1 }
        guard let quantile, quantile < 1 else { return greatest }
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
