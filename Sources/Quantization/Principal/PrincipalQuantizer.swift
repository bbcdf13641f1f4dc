import CVectorKernels

/// Codes for a first, rougher ranking: the leading principal components of int8 codes, in 4 bits each. At 768 dimensions
/// and 256 components they are a sixth of the codes' bytes, and what a graph walk spends its time on is bytes.
///
/// The components are those of the codes (`ScalarQuantizer`'s, of a metric that ranks by the codes' dot product alone), so
/// projecting is integer arithmetic on what there is already: a row's and a query's int8 codes are multiplied by int8
/// components. Each component has a step of its own, 2.7 standard deviations a side in 16 steps, and the query carries
/// the steps as weights; the kernel's integer then ranks.
///
/// The two-level search is that of LeanVec (Tepper, Bhati, Aguerrebere, Hildebrand, Willke: "LeanVec: Searching vectors
/// faster by making them fit", TMLR 2024).
///
/// A code is `codeBytes` bytes, laid out as `dot_u4i8` wants it. Immutable; encoding allocates nothing.
public final class PrincipalQuantizer: @unchecked Sendable {
    // Unchecked: the pointer is constant, and nothing changes what it points at after `init`.

    /// A multiple of `componentStep`.
    public let componentCount: Int
    /// Bytes of the int8 codes that are reduced, a multiple of 64.
    public let sourceBytes: Int
    /// How far behind the k-th best by this ranking one of the true k best may be, for a query of length 1: what lies
    /// within should be ranked again. Measured on the sample.
    public let margin: Float

    /// `componentCount` rows of `sourceBytes`: each component scaled to int8, XOR 0x80.
    let components: UnsafeMutablePointer<UInt8>
    /// Steps a unit of a row's product with each component.
    let inverseSteps: [Float]
    /// What a query's product with each component is multiplied by.
    package let weights: [Float]
    /// The products of the codes' centre, which the codes lack and queries have, with each component.
    let centerProducts: [Float]

    public static let componentStep = 128
    static let mostComponents = 512
    /// What may be left of the error along the row, of what the components hold.
    private static let tolerance: Float = 1e-4
    /// Standard deviations from the middle to the end of the range; 2.7 has the least error for 16 steps and a Gaussian.
    static let reach: Float = 2.7

    /// Bytes of a code.
    public var codeBytes: Int { componentCount / 2 }
    /// Bytes of a prepared query.
    public var queryBytes: Int { componentCount }
    /// Words of scratch that encoding and queries need.
    public var scratchCount: Int { 2 * componentCount }
    /// Resident bytes of the quantizer itself.
    public var residentBytes: Int { componentCount * (sourceBytes + 12) }

    init(
        componentCount: Int, sourceBytes: Int, margin: Float, components bytes: some Collection<UInt8>,
        inverseSteps: [Float], weights: [Float], centerProducts: [Float]
    ) {
        precondition(componentCount > 0 && componentCount % Self.componentStep == 0 && sourceBytes % 64 == 0)
        precondition(bytes.count == componentCount * sourceBytes)
        precondition([inverseSteps, weights, centerProducts].allSatisfy { $0.count == componentCount })
        self.componentCount = componentCount
        self.sourceBytes = sourceBytes
        self.margin = margin
        self.inverseSteps = inverseSteps
        self.weights = weights
        self.centerProducts = centerProducts
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(bytes.count, 1), alignment: 64)
        components = memory.bindMemory(to: UInt8.self, capacity: bytes.count)
        for (i, byte) in bytes.enumerated() { components[i] = byte }
    }

    deinit { UnsafeMutableRawPointer(components).deallocate() }

    /// The same with another margin.
    func with(margin: Float) -> PrincipalQuantizer {
        PrincipalQuantizer(
            componentCount: componentCount, sourceBytes: sourceBytes, margin: margin,
            components: UnsafeBufferPointer(start: components, count: componentCount * sourceBytes),
            inverseSteps: inverseSteps, weights: weights, centerProducts: centerProducts)
    }

    /// The kernel that scores prepared queries against codes; call it with n = `componentCount`.
    public var kernel: tvk_code_scorer { Kernels.best.pointee.dot_u4i8 }

    /// Reduces a row's int8 code.
    ///
    /// - Parameters:
    ///   - source: `sourceBytes` bytes, XOR 0x80.
    ///   - code: `codeBytes` bytes, overwritten whole.
    ///   - scratch: `scratchCount` words of the caller's; overlaps neither.
    /// - Returns: How much of the source's squared length the components hold.
    /// - Complexity: O(componentCount · dimensions).
    @discardableResult
    public func encode(
        _ source: UnsafePointer<UInt8>, into code: UnsafeMutablePointer<UInt8>, scratch: UnsafeMutablePointer<Float>
    ) -> Float {
        let products = UnsafeMutableRawPointer(scratch + componentCount).assumingMemoryBound(to: Int32.self)
        Kernels.best.pointee.dot_codes.range(source, components, sourceBytes, componentCount, sourceBytes, products)
        // The projections in steps, and then what the code says of them.
        let levels = scratch
        var held: Float = 0
        for i in 0..<componentCount {
            let product = Float(products[i])
            // Truncation is rounding down here: what is negative is clamped anyway.
            levels[i] = Float(UInt8(min(max(product * inverseSteps[i] + 8, 0), 15))) - 7.5
            // Weight and step together undo the square of what a component was scaled by.
            held += product * product * weights[i] * inverseSteps[i]
        }
        align(levels, products, held: held)
        for block in 0..<componentCount / 128 {
            for i in 0..<64 {
                let low = levels[128 * block + i], high = levels[128 * block + 64 + i]
                code[64 * block + i] = UInt8(low + 7.5) | UInt8(high + 7.5) << 4
            }
        }
        return held
    }

    /// Moves components to their second nearest level until the row's product with its code is that of the row with its
    /// leading components: see `ScalarQuantizer.quantizeAligned`, which this is the same as.
    private func align(_ levels: UnsafeMutablePointer<Float>, _ products: UnsafePointer<Int32>, held: Float) {
        func error(_ i: Int) -> Float { levels[i] - Float(products[i]) * inverseSteps[i] }
        func weight(_ i: Int) -> Float { (Float(products[i]) + centerProducts[i]) * weights[i] }
        // ⟨row, code − row⟩, in squared steps of the source, as far as the components go.
        var excess: Float = 0
        for i in 0..<componentCount { excess += weight(i) * error(i) }
        AlignedRounding.align(
            componentCount, step: 1, excess: excess, tolerance: Self.tolerance * held, error: error, weight: weight,
            move: { i, way in
                guard abs(levels[i] + way) < 8 else { return false }
                levels[i] += way
                return true
            })
    }

    /// Reduces a query that `ScalarQuantizer.encodeQuery` has prepared for `dot_u8i8`.
    ///
    /// - Parameters:
    ///   - source: `sourceBytes` signed bytes.
    ///   - prepared: `queryBytes` bytes, overwritten whole.
    ///   - scratch: `scratchCount` words of the caller's; overlaps neither.
    /// - Returns: ``margin`` in the kernel's integers.
    /// - Complexity: O(componentCount · dimensions).
    public func encodeQuery(
        _ source: UnsafePointer<UInt8>, into prepared: UnsafeMutablePointer<UInt8>,
        scratch: UnsafeMutablePointer<Float>
    ) -> Float {
        let kernels = Kernels.best
        let products = UnsafeMutableRawPointer(scratch + componentCount).assumingMemoryBound(to: Int32.self)
        kernels.pointee.dot_u8i8.range(source, components, sourceBytes, componentCount, sourceBytes, products)
        let (sum, squares) = UnsafeRawPointer(source).withMemoryRebound(to: Int8.self, capacity: sourceBytes) { codes in
            var squares: Int32 = 0
            for i in 0..<sourceBytes { squares &+= Int32(codes[i]) * Int32(codes[i]) }
            return (kernels.pointee.sum_i8(codes, sourceBytes), squares)
        }
        weights.withUnsafeBufferPointer { weights in
            for i in 0..<componentCount { scratch[i] = Float(products[i] &- 128 * sum) * weights[i] }
        }
        let largest = kernels.pointee.max_magnitude(scratch, componentCount)
        let scale = largest > 0 ? 127 / largest : 0
        kernels.pointee.quantize(scratch, componentCount, scale, 0, prepared)
        return margin * Float(squares).squareRoot() * scale
    }
}
