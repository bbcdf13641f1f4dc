import CVectorKernels

/// Rounding that keeps a row's product with itself.
///
/// A code differs from its row x by an error e, and a dot product with a query q is off by ⟨q, e⟩. For a query near the
/// row, or a near-copy of it, q = αx + q⊥ with a small q⊥, so nearly all of that is α⟨x, e⟩: as large for a row's copies
/// as for strangers, while what tells copies apart shrinks. Rounded to the nearest code, copies are ranked by chance.
/// Rounding a few components to the second nearest code instead, those that lie almost between two, brings ⟨x, e⟩ to 0 at
/// next to no cost in |e|. Scores are then off by ⟨q⊥, e⟩ alone, without a term or a byte more to a row.
///
/// That errors along the row weigh more than those across is the observation of Guo, Sun, Lindgren, Geng, Simcha, Chern
/// and Kumar ("Accelerating Large-Scale Inference with Anisotropic Vector Quantization", ICML 2020).
///
/// Share of the true top 10 among the codes' top 10, 768 dimensions, nearest against aligned codes: 50,000 sentence
/// embeddings 0.9935 and 0.995, with the range clipped at quantile 0.99 0.973 and 0.98; 250 copies of each of 200 rows, of
/// which a tenth is noise, 0.48 and 0.88.
extension ScalarQuantizer {
    /// What may be left of ⟨x, e⟩, of |x|².
    private static let tolerance: Float = 1e-6
    /// An error along the row of so many steps comes from clipping.
    private static let mostRoundingSteps: Float = 1.5

    /// Quantizes a scaled and rotated row, ⟨row, code⟩ as near to ⟨row, row⟩ as goes.
    ///
    /// - Parameters:
    ///   - row: `float[dimensions]`.
    ///   - code: its first `dimensions` bytes are overwritten.
    ///   - scratch: `float[dimensions]`; left with the row that the code stands for.
    func quantizeAligned(
        _ row: UnsafePointer<Float>, into code: UnsafeMutablePointer<UInt8>, scratch: UnsafeMutablePointer<Float>
    ) {
        let kernels = Kernels.best
        center.withUnsafeBufferPointer { buffer in
            guard let center = buffer.baseAddress else { return }
            let squared = kernels.pointee.sum_squares_f32(row, dimensions)
            // What the code should stand for: the row, made longer where clipping makes codes too short.
            var stretch: Float = 1
            var excess = quantize(row, stretch, center, into: code, scratch: scratch) - squared
            guard squared > 0 else { return }
            let mostFromRounding = Self.mostRoundingSteps * step * squared.squareRoot()
            for _ in 0..<3 where -excess > mostFromRounding {
                stretch = min(stretch - excess / squared, 2)
                excess = quantize(row, stretch, center, into: code, scratch: scratch) - squared
            }
            AlignedRounding.align(
                dimensions, step: step, excess: excess, tolerance: Self.tolerance * squared,
                error: { scratch[$0] - stretch * row[$0] }, weight: { row[$0] },
                move: { i, way in
                    guard way > 0 ? code[i] < 0xFF : code[i] > 0x01 else { return false }
                    scratch[i] += way
                    code[i] = way > 0 ? code[i] + 1 : code[i] - 1
                    return true
                })
        }
    }

    /// Rounds stretch·row − center to the nearest codes. Returns the product of the row and what its code stands for.
    private func quantize(
        _ row: UnsafePointer<Float>, _ stretch: Float, _ center: UnsafePointer<Float>,
        into code: UnsafeMutablePointer<UInt8>, scratch: UnsafeMutablePointer<Float>
    ) -> Float {
        let kernels = Kernels.best
        kernels.pointee.scale_clamped(row, dimensions, stretch, .greatestFiniteMagnitude, scratch)
        kernels.pointee.subtract(scratch, center, dimensions)
        kernels.pointee.quantize(scratch, dimensions, 1 / step, 0x80, code)
        kernels.pointee.dequantize(code, dimensions, 0x80, step, center, scratch)
        return kernels.pointee.f32.dot.pair(row, scratch, dimensions)
    }
}
