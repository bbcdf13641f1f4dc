/// Takes the error of a row's code along the row away by moving some components to their second nearest code, those that
/// lie almost halfway between two first. Why: `ScalarQuantizer.quantizeAligned`.
enum AlignedRounding {
    /// How near to halfway, in steps, a component's error is at least, in rounds.
    private static let leastErrors: [Float] = [0.45, 0.35, 0.2, 0]

    /// Moves components until `excess`, the product of the row and its code's error, is within the tolerance.
    ///
    /// - Parameters:
    ///   - step: between two codes.
    ///   - error: by how much a component's code is greater than it should be.
    ///   - weight: by how much `excess` grows for a unit of a component.
    ///   - move: moves a component by a step up or down; `false` where the range ends.
    @inline(__always)
    static func align(
        _ count: Int, step: Float, excess: Float, tolerance: Float, error: (Int) -> Float, weight: (Int) -> Float,
        move: (Int, Float) -> Bool
    ) {
        var excess = excess
        for least in leastErrors {
            for i in 0..<count {
                if abs(excess) <= tolerance { return }
                let error = error(i)
                let way = error > 0 ? -step : step
                let change = way * weight(i)
                // What was moved already is off by more than half a step, and so is what was clipped.
                guard abs(error) >= least * step, abs(error) <= 0.5 * step, change * excess < 0,
                    abs(change) <= abs(excess), move(i, way)
                else { continue }
                excess += change
            }
        }
    }
}
