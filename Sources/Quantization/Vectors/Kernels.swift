import CVectorKernels

#if canImport(Glibc)
    import Glibc  // links the mathematics library, which square roots of unoptimised builds call
#endif

/// The kernels of the process.
public enum Kernels {
    /// The table of the fastest instruction set of this CPU (or the one that `TRENDEX_SIMD_LEVEL` forces), chosen once.
    /// It lies in static, immutable memory. A hot loop takes the function it needs out of it once.
    nonisolated(unsafe) public static let best: UnsafePointer<tvk_kernels> = tvk_kernels_best()

    /// The name of the instruction set in use: `scalar`, `avx2`, `avx512` or `neon`.
    public static var levelName: String { String(cString: tvk_level_name(best.pointee.level)) }
}
