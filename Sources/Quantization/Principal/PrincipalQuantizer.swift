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
    /// How many candidates the caller should rank again for each result that it wants, as measured on the sample.
    public let candidatesPerResult: Float

    /// `componentCount` rows of `sourceBytes`: each component scaled to int8, XOR 0x80.
    let components: UnsafeMutablePointer<UInt8>
    /// Steps a unit of a row's product with each component.
    let inverseSteps: [Float]
    /// What a query's product with each component is multiplied by.
    package let weights: [Float]

    public static let componentStep = 128
    static let mostComponents = 512
    /// Standard deviations from the middle to the end of the range; 2.7 has the least error for 16 steps and a Gaussian.
    static let reach: Float = 2.7

    /// Bytes of a code.
    public var codeBytes: Int { componentCount / 2 }
    /// Bytes of a prepared query.
    public var queryBytes: Int { componentCount }
    /// Words of scratch that encoding and queries need.
    public var scratchCount: Int { 2 * componentCount }
    /// Resident bytes of the quantizer itself.
    public var residentBytes: Int { componentCount * (sourceBytes + 8) }

    init(
        componentCount: Int, sourceBytes: Int, candidatesPerResult: Float, components bytes: some Collection<UInt8>,
        inverseSteps: [Float], weights: [Float]
    ) {
        precondition(componentCount > 0 && componentCount % Self.componentStep == 0 && sourceBytes % 64 == 0)
        precondition(bytes.count == componentCount * sourceBytes)
        precondition(inverseSteps.count == componentCount && weights.count == componentCount)
        self.componentCount = componentCount
        self.sourceBytes = sourceBytes
        self.candidatesPerResult = candidatesPerResult
        self.inverseSteps = inverseSteps
        self.weights = weights
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(bytes.count, 1), alignment: 64)
        components = memory.bindMemory(to: UInt8.self, capacity: bytes.count)
        for (i, byte) in bytes.enumerated() { components[i] = byte }
    }

    deinit { UnsafeMutableRawPointer(components).deallocate() }

    /// The same with another measure of how rough it is.
    func with(candidatesPerResult: Float) -> PrincipalQuantizer {
        PrincipalQuantizer(
            componentCount: componentCount, sourceBytes: sourceBytes, candidatesPerResult: candidatesPerResult,
            components: UnsafeBufferPointer(start: components, count: componentCount * sourceBytes),
            inverseSteps: inverseSteps, weights: weights)
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
        UnsafeMutableRawPointer(scratch).withMemoryRebound(to: Int32.self, capacity: componentCount) { products in
            Kernels.best.pointee.dot_codes.range(
                source, components, sourceBytes, componentCount, sourceBytes, products)
            inverseSteps.withUnsafeBufferPointer { inverseSteps in
                func nibble(_ i: Int) -> UInt8 {
                    // Truncation is rounding down here: what is negative is clamped anyway.
                    UInt8(min(max(Float(products[i]) * inverseSteps[i] + 8, 0), 15))
                }
                for block in 0..<componentCount / 128 {
                    for i in 0..<64 {
                        code[64 * block + i] = nibble(128 * block + i) | nibble(128 * block + 64 + i) << 4
                    }
                }
            }
            var held: Float = 0
            weights.withUnsafeBufferPointer { weights in
                inverseSteps.withUnsafeBufferPointer { inverseSteps in
                    // Weight and step together undo the square of what a component was scaled by.
                    for i in 0..<componentCount {
                        let product = Float(products[i])
                        held += product * product * weights[i] * inverseSteps[i]
                    }
                }
            }
            return held
        }
    }

    /// Reduces a query that `ScalarQuantizer.encodeQuery` has prepared for `dot_u8i8`.
    ///
    /// - Parameters:
    ///   - source: `sourceBytes` signed bytes.
    ///   - prepared: `queryBytes` bytes, overwritten whole.
    ///   - scratch: `scratchCount` words of the caller's; overlaps neither.
    /// - Complexity: O(componentCount · dimensions).
    public func encodeQuery(
        _ source: UnsafePointer<UInt8>, into prepared: UnsafeMutablePointer<UInt8>,
        scratch: UnsafeMutablePointer<Float>
    ) {
        let kernels = Kernels.best
        let products = UnsafeMutableRawPointer(scratch + componentCount).assumingMemoryBound(to: Int32.self)
        kernels.pointee.dot_u8i8.range(source, components, sourceBytes, componentCount, sourceBytes, products)
        let excess =
            128
            * UnsafeRawPointer(source).withMemoryRebound(to: Int8.self, capacity: sourceBytes) {
                kernels.pointee.sum_i8($0, sourceBytes)
            }
        weights.withUnsafeBufferPointer { weights in
            for i in 0..<componentCount { scratch[i] = Float(products[i] &- excess) * weights[i] }
        }
        let largest = kernels.pointee.max_magnitude(scratch, componentCount)
        kernels.pointee.quantize(scratch, componentCount, largest > 0 ? 127 / largest : 0, 0, prepared)
    }
}
