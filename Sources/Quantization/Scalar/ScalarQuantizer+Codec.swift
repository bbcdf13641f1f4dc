import CVectorKernels

extension ScalarQuantizer: Codec {
    public var queryBytes: Int { codeBytes }

    public var rowScales: ClosedRange<Float>? { reach < .infinity ? 1...Self.mostScale : nil }

    public var resolution: Double { Double(step) / Double(inputScale) }

    public var pairs: CodePairScoring {
        let kernels = Kernels.best
        let spread = Float(dimensions).squareRoot()
        switch metric {
        case .manhattan:
            return CodePairScoring(
                kernel: kernels.pointee.l1_u8.gathered, weight: 0, termWeight: 0,
                doubt: 2 * spread * errorStep / step, unit: pairUnit)
        case .euclid:
            return CodePairScoring(
                kernel: kernels.pointee.dot_codes.gathered, weight: 2 * step * step, termWeight: -1,
                doubt: 2 * errorStep * errorStep * spread, doubtByDistance: 3 * errorStep, unit: pairUnit)
        case .cosine, .dot:
            return CodePairScoring(
                kernel: kernels.pointee.dot_codes.gathered, weight: step * step, termWeight: 1, scalesTerms: true,
                doubt: 3 * errorStep * (metric == .cosine ? 1 : reach), unit: pairUnit)
        }
    }

    /// Whether more than an eighth of the components lie at the ends of the range.
    public func isClipped(_ code: UnsafePointer<UInt8>) -> Bool {
        var clipped = 0
        // ±127, XOR 0x80.
        for i in 0..<dimensions { clipped += code[i] == 0x01 || code[i] == 0xFF ? 1 : 0 }
        return 8 * clipped > dimensions
    }

    /// Whether much of a row lies outside the codes' range, or all of it within a few steps of the centre.
    public func isStrange(_ code: UnsafePointer<UInt8>, scale: Float) -> Bool {
        let squares = Kernels.best.pointee.dot_codes.pair(code, code, codeBytes)
        if squares == 0 { return false }
        return scale > Self.mostOrdinaryScale || Int(squares) < Self.leastMeanSquare * dimensions || isClipped(code)
    }

    private static let leastMeanSquare = 9
    private static let mostOrdinaryScale: Float = 8

    public func reducer(sample: UnsafePointer<Float>, count: Int, total: Int) -> PrincipalQuantizer? {
        let memory = TemporaryMemory<UInt8>(capacity: count * codeBytes)
        let codes = memory.base
        let scratch = UnsafeMutablePointer<Float>.allocate(capacity: scratchCount)
        defer {
            memory.deallocate()
            scratch.deallocate()
        }
        // Not just the sample's first rows: they may be of one kind, and the later ones of another.
        let used = min(count, PrincipalQuantizer.mostRows)
        for i in 0..<used {
            encode(row: sample + i * count / used * dimensions, into: codes + i * codeBytes, scratch: scratch)
        }
        return PrincipalQuantizer.train(codes: codes, sampleCount: used, total: total, source: self)
    }
}
