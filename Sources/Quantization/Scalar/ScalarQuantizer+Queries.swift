import CVectorKernels

extension ScalarQuantizer {
    /// Prepares a query for `kernel`.
    ///
    /// - Parameters:
    ///   - query: `float[dimensions]`, as the metric takes it; for cosine of any length, it is normalised on the way.
    ///   - prepared: `codeBytes` bytes, overwritten whole.
    ///   - scratch: `float[scratchCount]` of the caller's; overlaps neither.
    /// - Returns: What turns the kernel's integers into scores.
    /// - Complexity: O(d log d), d for manhattan.
    public func encodeQuery(
        _ query: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<UInt8>, scratch: UnsafeMutablePointer<Float>
    ) -> QueryTerms {
        // A dot product's query needn't be in the rows' units: its own power of two keeps it clear of the clamp.
        let scale =
            metric == .dot
            ? Double(Self.powerOfTwoScale(largest: Kernels.best.pointee.max_magnitude(query, dimensions)))
            : rowScale(query)
        load(query, scaledBy: scale, into: scratch)
        rotation?.apply(scratch, scratch: scratch + dimensions)
        let rowUnit = 1 / Double(inputScale)
        let queryUnit = metric == .manhattan ? 1 : metric == .dot ? 1 / scale : rowUnit
        return prepare(scratch, unit: rowUnit * queryUnit, into: prepared)
    }

    /// Makes a stored row, given by its code and row scale, a query, so that rows are scored against each other by the same integer
    /// kernel and in the same units as queries are. For cosine and dot no row terms take part.
    ///
    /// - Parameter other: another row, towards which the query is moved by a share of the way.
    /// - Complexity: O(d): the code is in rotated axes already.
    public func encodeQuery(
        fromCode code: UnsafePointer<UInt8>, scale: Float = 1,
        towards other: (code: UnsafePointer<UInt8>, scale: Float, share: Float)? = nil,
        into prepared: UnsafeMutablePointer<UInt8>, scratch: UnsafeMutablePointer<Float>
    ) -> QueryTerms {
        dequantize(code, scale: scale, into: scratch)
        if let other {
            let goal = scratch + dimensions
            dequantize(other.code, scale: other.scale, into: goal)
            for i in 0..<dimensions { scratch[i] += other.share * (goal[i] - scratch[i]) }
        }
        let unit = 1 / Double(inputScale)
        return prepare(scratch, unit: metric == .manhattan ? unit : unit * unit, into: prepared)
    }

    /// What an exact score of two rows is multiplied by to be in the unit of what kernels give for two codes: squares of scaled
    /// units, for manhattan steps.
    package var pairUnit: Float { metric == .manhattan ? inputScale / step : inputScale * inputScale }

    /// The score of two stored rows by their codes and row terms, symmetric in them. For many rows against one,
    /// `encodeQuery(fromCode:into:scratch:)` and the batched kernel are faster.
    ///
    /// - Complexity: O(d).
    public func score(
        _ a: UnsafePointer<UInt8>, term termA: Float, _ b: UnsafePointer<UInt8>, term termB: Float
    ) -> Float {
        let unit = 1 / Double(inputScale)
        let kernels = Kernels.best
        let score: Double
        switch metric {
        case .manhattan:
            score = -Double(kernels.pointee.l1_u8.pair(a, b, codeBytes)) * Double(step) * unit
        case .cosine, .dot, .euclid:
            let product =
                Double(kernels.pointee.dot_codes.pair(a, b, codeBytes)) * Double(step) * Double(step) * unit * unit
            let terms = (Double(termA) + Double(termB)) * unit * unit
            score = metric == .euclid ? min(2 * product - terms, 0) : product + terms
        }
        let largest = Double(Float.greatestFiniteMagnitude)
        return Float(min(max(score, -largest), largest))
    }

    /// Quantizes a scaled and rotated query. `unit` is the score of one scaled unit.
    private func prepare(
        _ values: UnsafeMutablePointer<Float>, unit: Double, into prepared: UnsafeMutablePointer<UInt8>
    ) -> QueryTerms {
        let kernels = Kernels.best
        return center.withUnsafeBufferPointer { buffer in
            guard let center = buffer.baseAddress else {
                return QueryTerms(offset: 0, scale: 1, bias: 0, rowTermWeight: 0, margin: 0)
            }
            switch metric {
            case .cosine, .dot:
                let bias = Double(kernels.pointee.f32.dot.pair(values, center, dimensions))
                let (queryStep, offset, length) = quantizeQuery(values, into: prepared)
                return terms(
                    offset: offset, scale: Double(step) * queryStep, bias: bias, rowTermWeight: 0,
                    deviation: length, unit: unit)
            case .euclid:
                kernels.pointee.subtract(values, center, dimensions)
                let squared = Double(kernels.pointee.sum_squares_f32(values, dimensions))
                let (queryStep, offset, length) = quantizeQuery(values, into: prepared)
                return terms(
                    offset: offset, scale: 2 * Double(step) * queryStep, bias: -squared, rowTermWeight: -1,
                    deviation: length, unit: unit)
            case .manhattan:
                // What of the query lies outside the codes' range is equally far from every code.
                let edge = 127 * step
                var outside = 0.0
                for i in 0..<dimensions {
                    values[i] -= center[i]
                    let excess = abs(values[i]) - edge
                    outside += excess > 0 ? Double(excess) : 0
                }
                kernels.pointee.quantize(values, dimensions, 1 / step, 0x80, prepared)
                for i in dimensions..<codeBytes { prepared[i] = 0x80 }
                return terms(
                    offset: 0, scale: -Double(step), bias: -outside, rowTermWeight: 0,
                    deviation: Double(dimensions).squareRoot(), unit: unit)
            }
        }
    }

    /// int8 codes of a query over its own whole range. Returns their step, 128 times their sum, and their length.
    private func quantizeQuery(
        _ values: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<UInt8>
    ) -> (step: Double, offset: Int32, length: Double) {
        let kernels = Kernels.best
        let queryStep = max(kernels.pointee.max_magnitude(values, dimensions) / 127, Self.smallestStep)
        kernels.pointee.quantize(values, dimensions, 1 / queryStep, 0, prepared)
        for i in dimensions..<codeBytes { prepared[i] = 0 }
        let sum = UnsafeRawPointer(prepared).withMemoryRebound(to: Int8.self, capacity: dimensions) {
            kernels.pointee.sum_i8($0, dimensions)
        }
        let length = Double(kernels.pointee.sum_squares_f32(values, dimensions)).squareRoot() / Double(queryStep)
        return (Double(queryStep), 128 * sum, length)
    }

    /// Applies the unit, lowered where a score could otherwise leave a float's range.
    ///
    /// - Parameter deviation: what rounding errors of one step add up to, in the kernel's integers. Those of a query and
    ///   of two rows, each of 1/√12 of a step, make 0.6 of that in a difference of scores when rows are as long as the
    ///   query.
    private func terms(
        offset: Int32, scale: Double, bias: Double, rowTermWeight: Double, deviation: Double, unit: Double
    ) -> QueryTerms {
        let rowTerms = Double(step) * Double(step) * 16_384 * Double(dimensions)
        let integers = metric == .manhattan ? 255.0 * Double(dimensions) : 16_384.0 * Double(dimensions)
        let greatest = abs(bias) + abs(scale) * integers + abs(rowTermWeight) * rowTerms
        // Scores grow with the rows' scales; row terms, and with them squared distances, with the scales' squares.
        let longest = reach < .infinity ? Double(Self.mostScale) : 1
        let unit = min(unit, 1e38 / max(greatest * (metric == .euclid ? longest * longest : longest), 1e-38))
        // A scale of zero would lose the order of rows whose scores all underflow.
        let least = Double(Float.leastNormalMagnitude)
        let magnitude = max(abs(scale * unit), least)
        let errors = Double(errorStep / step)
        return QueryTerms(
            offset: offset, scale: Float(scale < 0 ? -magnitude : magnitude), bias: Float(bias * unit),
            rowTermWeight: Float(rowTermWeight * unit), margin: Float(min(2 * deviation * errors * magnitude, 1e38)),
            scalesBias: metric == .dot)
    }

    /// A power of two that brings `largest` near 1 and is safely invertible; 1 for zero and for what isn't finite.
    static func powerOfTwoScale(largest: Float) -> Float {
        guard largest > 0, largest.isFinite else { return 1 }
        let exponent = min(max(-Int(largest.exponent), -120), 120)
        return Float(sign: .plus, exponent: exponent, significand: 1)
    }
}
