import CVectorKernels

extension PrincipalQuantizer {
    /// Below this many sample rows a dimension the components would be those of the sample, not of the data.
    private static let leastRowsPerDimension = 8
    /// Rows that the covariance is taken from, at most. Its sums fit int32 up to 131,071.
    static let mostRows = 8192
    /// Dimensions from which on fewer bytes are worth a second look at the best, and up to which the eigenvectors, whose
    /// cost grows with the third power, come in seconds.
    public static let dimensions = 256...2048
    /// A ranking that needs more candidates for each result than this isn't worth its bytes.
    static let mostCandidatesPerResult: Float = 3
    /// Sample rows that serve as queries.
    private static let queryCount = 128
    private static let resultCount = 10

    /// Sample rows that training wants at least.
    public static func leastRows(dimensions: Int) -> Int { min(leastRowsPerDimension * dimensions, mostRows) }

    /// Components that codes of so many dimensions are reduced to at most: half of them.
    public static func mostComponents(dimensions: Int) -> Int {
        min(dimensions / 2 / componentStep * componentStep, mostComponents)
    }

    /// Trains from sample codes, and measures on them whether it pays.
    ///
    /// - Parameters:
    ///   - codes: `sampleCount` codes of `ScalarQuantizer`, `sourceBytes` each, of a metric that ranks by their dot
    ///     product alone.
    ///   - dimensions: of the vectors.
    /// - Returns: `nil` when the sample is too small, when the vectors are too short or too long, and when the leading
    ///   components tell too little: the true best 10 of the sample must be among the best 30 of the reduced ranking,
    ///   for 99 of 100.
    /// - Complexity: O(sampleCount · dimensions² + dimensions³).
    public static func train(
        codes: UnsafePointer<UInt8>, sampleCount: Int, sourceBytes: Int, dimensions: Int
    ) -> PrincipalQuantizer? {
        guard Self.dimensions.contains(dimensions), sampleCount >= leastRows(dimensions: dimensions) else { return nil }
        let count = min(sampleCount, mostRows)
        let most = mostComponents(dimensions: dimensions)
        var covariance = covariance(codes, count, sourceBytes, dimensions)
        guard let leading = try? Eigenvectors(of: &covariance, dimensions: dimensions, count: most) else { return nil }
        var componentCount = componentStep
        while componentCount <= most {
            let quantizer = PrincipalQuantizer(
                leading, count: componentCount, dimensions: dimensions, sourceBytes: sourceBytes)
            let needed = quantizer.measuredCandidatesPerResult(codes, count)
            if needed <= mostCandidatesPerResult { return quantizer.with(candidatesPerResult: needed) }
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

    private convenience init(_ leading: Eigenvectors, count: Int, dimensions: Int, sourceBytes: Int) {
        var bytes = [UInt8](repeating: 0x80, count: count * sourceBytes)
        var inverseSteps = [Float](repeating: 0, count: count)
        var weights = [Float](repeating: 0, count: count)
        for component in 0..<count {
            let vector = leading.vectors[component * dimensions..<(component + 1) * dimensions]
            let largest = vector.reduce(0) { max($0, abs($1)) }
            let deviation = max(leading.values[component], 0).squareRoot()
            // A component along which nothing varies tells nothing: its weight stays zero.
            guard largest > 0, deviation > 1e-6 else { continue }
            let scale = 127 / largest
            for (i, value) in vector.enumerated() {
                bytes[component * sourceBytes + i] = UInt8(bitPattern: Int8((value * scale).rounded())) ^ 0x80
            }
            let step = 2 * Self.reach * deviation * scale / 16
            inverseSteps[component] = 1 / step
            weights[component] = step / (scale * scale)
        }
        self.init(
            componentCount: count, sourceBytes: sourceBytes, candidatesPerResult: 0, components: bytes,
            inverseSteps: inverseSteps, weights: weights)
    }

    /// How many of the best by reduced codes hold the true best 10, as a multiple of 10, for 99 of 100 of those; by
    /// sample rows as queries.
    private func measuredCandidatesPerResult(_ codes: UnsafePointer<UInt8>, _ count: Int) -> Float {
        let reduced = UnsafeMutablePointer<UInt8>.allocate(capacity: count * codeBytes)
        let query = UnsafeMutablePointer<UInt8>.allocate(capacity: sourceBytes)
        let prepared = UnsafeMutablePointer<UInt8>.allocate(capacity: queryBytes)
        let scratch = UnsafeMutablePointer<Float>.allocate(capacity: scratchCount)
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
        for number in 0..<Self.queryCount {
            let chosen = number * count / Self.queryCount
            let source = codes + chosen * sourceBytes
            for i in 0..<sourceBytes { query[i] = source[i] ^ 0x80 }
            encodeQuery(query, into: prepared, scratch: scratch)
            Kernels.best.pointee.dot_u8i8.range(query, codes, sourceBytes, count, sourceBytes, full)
            kernel.range(prepared, reduced, codeBytes, count, componentCount, rough)
            // The row itself is its own best, by either ranking.
            full[chosen] = .min
            rough[chosen] = .min
            places += Self.places(of: Self.resultCount, by: full, in: rough, count)
        }
        guard !places.isEmpty else { return .infinity }
        places.sort()
        return Float(places[places.count * 99 / 100] + 1) / Float(Self.resultCount)
    }

    /// The places that the best `most` rows by `full` have in the order by `rough`.
    private static func places(
        of most: Int, by full: UnsafePointer<Int32>, in rough: UnsafePointer<Int32>, _ count: Int
    ) -> [Int] {
        var best: [Int] = []
        for row in 0..<count {
            if best.count == most, let last = best.last, full[row] <= full[last] { continue }
            let place = best.firstIndex { full[$0] < full[row] } ?? best.count
            best.insert(row, at: place)
            if best.count > most { best.removeLast() }
        }
        return best.map { row in
            var place = 0
            for other in 0..<count where rough[other] > rough[row] { place += 1 }
            return place
        }
    }
}
