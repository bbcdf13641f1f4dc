import CVectorKernels

extension PrincipalQuantizer {
    /// Below this many sample rows a dimension the components would be those of the sample, not of the data.
    private static let leastRowsPerDimension = 8
    /// Rows that the covariance is taken from, at most: 16,384 find 0.0012 more at ef 32 than 8,192. Its sums fit int32 up to
    /// 131,071.
    package static let mostRows = 16_384
    /// Dimensions from which on fewer bytes are worth a second look at the best, and up to which the eigenvectors, whose
    /// cost grows with the third power, come in seconds.
    public static let dimensions = 256...2048
    /// A ranking that needs more candidates for each result than this isn't worth its bytes.
    private static let mostCandidatesPerResult = 3
    /// The narrowest walk by reduced codes that is to find what it can.
    private static let narrowWidth = 64
    /// Queries aren't rows: how much farther behind they may leave one of the best.
    private static let marginFactor: Float = 1.25
    /// Among rows far from a query, as a filter may leave, there are more rivals and larger errors than near it.
    private static let marginDeviations: Float = 5
    /// Sample rows that serve as queries.
    private static let queryCount = 128
    private static let resultCount = 10

    /// Sample rows that training wants at least.
    public static func leastRows(dimensions: Int) -> Int { min(leastRowsPerDimension * dimensions, 8192) }

    /// Components that codes of so many dimensions are reduced to at most: half of them.
    public static func mostComponents(dimensions: Int) -> Int {
        min(dimensions / 2 / componentStep * componentStep, mostComponents)
    }

    /// Trains from sample codes, and measures on them whether it pays.
    ///
    /// - Parameters:
    ///   - codes: `sampleCount` codes of `source`.
    ///   - total: rows that the sample was taken from.
    ///   - source: of a metric that ranks by the codes' dot product alone.
    /// - Returns: `nil` when the sample is too small, when the vectors are too short or too long, and when the leading
    ///   components tell too little. The true best 10 of the sample must be among the best 30 of the reduced ranking, for 99
    ///   of 100. And as much of the best 10 of all rows as the sample has of them must be within the same share of a narrow
    ///   walk: otherwise a sample that has a dozen rows of each cluster would say of any ranking that tells clusters apart
    ///   that it tells their rows apart.
    /// - Complexity: O(sampleCount · dimensions² + dimensions³).
    public static func train(
        codes: UnsafePointer<UInt8>, sampleCount: Int, total: Int, source: ScalarQuantizer
    ) -> PrincipalQuantizer? {
        let dimensions = source.dimensions
        guard Self.dimensions.contains(dimensions), sampleCount >= leastRows(dimensions: dimensions) else { return nil }
        let count = min(sampleCount, mostRows)
        let most = mostComponents(dimensions: dimensions)
        var covariance = covariance(codes, count, source.codeBytes, dimensions)
        guard let leading = try? Eigenvectors(of: &covariance, dimensions: dimensions, count: most) else { return nil }
        var componentCount = componentStep
        while componentCount <= most {
            let quantizer = PrincipalQuantizer(
                leading, count: componentCount, source: source)
            let share = Double(count) / Double(max(total, count))
            let fewest = max(Int((Double(resultCount) * share).rounded()), 1)
            let measured = quantizer.measured(codes, count, source, fewest: fewest)
            let width = max(Int(Double(narrowWidth) * share), mostCandidatesPerResult * fewest)
            if measured.candidates <= mostCandidatesPerResult * resultCount, measured.candidatesOfFewest <= width {
                return quantizer.with(margin: measured.margin)
            }
            componentCount += componentStep
        }
        return nil
    }

    /// The lower triangle of codesᵀ·codes / count. The codes are centred already.
    private static func covariance(
        _ codes: UnsafePointer<UInt8>, _ count: Int, _ sourceBytes: Int, _ dimensions: Int
    ) -> [Float] {
        let columnBytes = (count + 63) / 64 * 64
        let transposed = TemporaryMemory<UInt8>(capacity: dimensions * columnBytes)
        defer { transposed.deallocate() }
        let columns = transposed.base
        // 0x80 is a zero code.
        columns.update(repeating: 0x80, count: dimensions * columnBytes)
        for row in 0..<count {
            for i in 0..<dimensions { columns[i * columnBytes + row] = codes[row * sourceBytes + i] }
        }
        var products = [Int32](repeating: 0, count: dimensions)
        var matrix = [Float](repeating: 0, count: dimensions * dimensions)
        for i in 0..<dimensions {
            Kernels.best.pointee.dot_codes.range(
                columns + i * columnBytes, columns, columnBytes, i + 1, columnBytes, &products)
            for j in 0...i { matrix[i * dimensions + j] = Float(products[j]) / Float(count) }
        }
        return matrix
    }

    private convenience init(_ leading: Eigenvectors, count: Int, source: ScalarQuantizer) {
        let (dimensions, sourceBytes) = (source.dimensions, source.codeBytes)
        let center = source.center.map { $0 / source.step }
        var bytes = [UInt8](repeating: 0x80, count: count * sourceBytes)
        var inverseSteps = [Float](repeating: 0, count: count)
        var weights = [Float](repeating: 0, count: count)
        var centerProducts = [Float](repeating: 0, count: count)
        for component in 0..<count {
            let vector = leading.vectors[component * dimensions..<(component + 1) * dimensions]
            let largest = vector.reduce(0) { max($0, abs($1)) }
            let deviation = max(leading.values[component], 0).squareRoot()
            // A component along which nothing varies tells nothing: its weight stays zero.
            guard largest > 0, deviation > 1e-6 else { continue }
            let scale = 127 / largest
            for (i, value) in vector.enumerated() {
                let scaled = (value * scale).rounded()
                bytes[component * sourceBytes + i] = UInt8(bitPattern: Int8(scaled)) ^ 0x80
                centerProducts[component] += scaled * center[i]
            }
            // Rows so far from the origin for their spread can't be told to point along it.
            if !(abs(centerProducts[component]) <= Self.largestProduct) { centerProducts[component] = 0 }
            let step = 2 * Self.reach * deviation * scale / 16
            inverseSteps[component] = 1 / step
            weights[component] = step / (scale * scale)
        }
        self.init(
            componentCount: count, sourceBytes: sourceBytes, margin: 1, components: bytes,
            inverseSteps: inverseSteps, weights: weights, centerProducts: centerProducts)
    }

    /// How rough the ranking is, by sample rows as queries: how many of its best hold the true best 10, for 99 of 100 of
    /// those, how many hold the `fewest` best, and how far behind its tenth best they may be, for a query of length 1.
    private func measured(
        _ codes: UnsafePointer<UInt8>, _ count: Int, _ source: ScalarQuantizer, fewest: Int
    ) -> (candidates: Int, candidatesOfFewest: Int, margin: Float) {
        let reduced = UnsafeMutablePointer<UInt8>.allocate(capacity: count * codeBytes)
        let query = UnsafeMutablePointer<UInt8>.allocate(capacity: sourceBytes)
        let prepared = UnsafeMutablePointer<UInt8>.allocate(capacity: queryBytes)
        let scratch = UnsafeMutablePointer<Float>.allocate(capacity: max(scratchCount, source.scratchCount))
        let full = UnsafeMutablePointer<Int32>.allocate(capacity: count)
        let rough = UnsafeMutablePointer<Int32>.allocate(capacity: count)
        defer {
            reduced.deallocate()
            query.deallocate()
            prepared.deallocate()
            scratch.deallocate()
            full.deallocate()
            rough.deallocate()
        }
        for row in 0..<count { encode(codes + row * sourceBytes, into: reduced + row * codeBytes, scratch: scratch) }
        var places: [Int] = []
        var placesOfFewest: [Int] = []
        var margin: Float = 0
        var squaredErrors = 0.0
        for number in 0..<Self.queryCount {
            let chosen = number * count / Self.queryCount
            // Unlike a code, a query isn't centred.
            _ = source.encodeQuery(fromCode: codes + chosen * sourceBytes, into: query, scratch: scratch)
            let unit = encodeQuery(query, into: prepared, scratch: scratch) / self.margin
            Kernels.best.pointee.dot_u8i8.range(query, codes, sourceBytes, count, sourceBytes, full)
            kernel.range(prepared, reduced, codeBytes, count, componentCount, rough)
            squaredErrors += Self.variance(full, rough, perRough: unit, query, sourceBytes, count)
            // The row itself is its own best, by either ranking.
            full[chosen] = .min
            rough[chosen] = .min
            let last = Self.best(Self.resultCount, by: rough, count).last.map { rough[$0] } ?? 0
            for (rank, row) in Self.best(Self.resultCount, by: full, count).enumerated() {
                var place = 0
                for other in 0..<count where rough[other] > rough[row] { place += 1 }
                places.append(place)
                if rank < fewest { placesOfFewest.append(place) }
                if unit > 0 { margin = max(margin, Float(last &- rough[row]) / unit) }
            }
        }
        guard !places.isEmpty else { return (.max, .max, 0) }
        func most(_ places: [Int]) -> Int { places.sorted()[places.count * 99 / 100] + 1 }
        let deviation = Float((squaredErrors / Double(Self.queryCount)).squareRoot())
        return (
            most(places), most(placesOfFewest), max(Self.marginFactor * margin, Self.marginDeviations * deviation)
        )
    }

    /// The variance of the error of a rough score, for a query of length 1.
    private static func variance(
        _ full: UnsafePointer<Int32>, _ rough: UnsafePointer<Int32>, perRough unit: Float,
        _ query: UnsafePointer<UInt8>, _ sourceBytes: Int, _ count: Int
    ) -> Double {
        guard unit > 0 else { return 0 }
        let squares = (0..<sourceBytes).reduce(0.0) {
            $0 + Double(Int8(bitPattern: query[$1])) * Double(Int8(bitPattern: query[$1]))
        }
        let perFull = 1 / squares.squareRoot()
        let perRough = 1 / Double(unit)
        // Both have a constant of their own for each query.
        let first = Double(rough[0]) * perRough - Double(full[0]) * perFull
        var sum = 0.0, sumOfSquares = 0.0
        for row in 0..<count {
            let error = Double(rough[row]) * perRough - Double(full[row]) * perFull - first
            sum += error
            sumOfSquares += error * error
        }
        let mean = sum / Double(count)
        return max(sumOfSquares / Double(count) - mean * mean, 0)
    }

    /// The best `most` rows, best first.
    private static func best(_ most: Int, by scores: UnsafePointer<Int32>, _ count: Int) -> [Int] {
        var best: [Int] = []
        for row in 0..<count {
            if best.count == most, let last = best.last, scores[row] <= scores[last] { continue }
            let place = best.firstIndex { scores[$0] < scores[row] } ?? best.count
            best.insert(row, at: place)
            if best.count > most { best.removeLast() }
        }
        return best
    }
}
