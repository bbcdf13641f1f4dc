import CVectorKernels

/// A random orthonormal map that costs O(d log d): two rounds of a signed permutation followed by Walsh–Hadamard
/// transforms of power-of-two blocks (Ailon, Chazelle 2009: the fast Johnson–Lindenstrauss transform).
///
/// It spreads every direction over all components, so that one symmetric range suits them all when they are quantized.
/// The permutation of the second round makes every block mix with every other. Where the dimension isn't a multiple of a
/// power of two that is large enough, the last block overlaps the one before it: a product of orthonormal maps is
/// orthonormal whether they overlap or not.
///
/// The map is fixed by `dimensions` and `seed`, on every platform.
public struct Rotation: Sendable, Equatable {
    /// A round's signed permutation and the transform's normalisation: out[i] = in[order[i]]·weights[i].
    private struct Round: Sendable, Equatable {
        var order: [UInt32]
        var weights: [Float]
    }

    public let dimensions: Int
    public let seed: UInt64
    /// Length of each Hadamard block, a power of two.
    public let blockSize: Int
    /// Where blocks start, ascending; only the last may overlap the one before it.
    private let starts: [Int]
    private let rounds: [Round]

    private static let smallestDividingBlock = 64
    private static let largestBlock = 4096

    /// - Parameters:
    ///   - dimensions: At least 1.
    ///   - seed: Chooses the map.
    /// - Complexity: O(dimensions).
    public init(dimensions: Int, seed: UInt64) {
        precondition(dimensions >= 1, "A rotation needs at least one dimension")
        self.dimensions = dimensions
        self.seed = seed
        let dividing = 1 << dimensions.trailingZeroBitCount
        let fitting = 1 << (Int.bitWidth - 1 - dimensions.leadingZeroBitCount)
        let block = min(dividing >= Self.smallestDividingBlock ? dividing : fitting, Self.largestBlock)
        blockSize = block
        var starts = Array(stride(from: 0, through: dimensions - block, by: block))
        if dimensions % block != 0 { starts.append(dimensions - block) }
        self.starts = starts
        var random = RandomSource(seed: seed)
        let magnitude = 1 / Float(block).squareRoot()
        rounds = (0..<2).map { _ in
            var order = (0..<UInt32(dimensions)).map { $0 }
            for i in stride(from: dimensions - 1, to: 0, by: -1) {
                order.swapAt(i, Int(random.below(UInt64(i + 1))))
            }
            let weights = (0..<dimensions).map { _ in random.next() & 1 == 0 ? magnitude : -magnitude }
            return Round(order: order, weights: weights)
        }
    }

    /// Rotates `vector` in place.
    ///
    /// - Parameters:
    ///   - vector: `float[dimensions]`.
    ///   - scratch: `float[dimensions]` of the caller's, overwritten; doesn't overlap `vector`.
    /// - Complexity: O(d log d), no allocation.
    public func apply(_ vector: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>) {
        let kernels = Kernels.best
        permute(vector, rounds[0], scratch, kernels)
        transform(scratch, kernels)
        permute(scratch, rounds[1], vector, kernels)
        transform(vector, kernels)
    }

    /// Undoes `apply(_:scratch:)` up to rounding; same parameters and cost.
    public func applyInverse(_ vector: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>) {
        transformInverse(vector)
        unpermute(vector, rounds[1], scratch)
        transformInverse(scratch)
        unpermute(scratch, rounds[0], vector)
    }

    private func permute(
        _ source: UnsafePointer<Float>, _ round: Round, _ target: UnsafeMutablePointer<Float>,
        _ kernels: UnsafePointer<tvk_kernels>
    ) {
        round.order.withUnsafeBufferPointer { order in
            round.weights.withUnsafeBufferPointer { weights in
                guard let order = order.baseAddress, let weights = weights.baseAddress else { return }
                kernels.pointee.permute(source, order, weights, target, dimensions)
            }
        }
    }

    // Every component enters with its weight's 1/√block, which normalises the first block it is in; components that a
    // second block takes in as well are normalised again in between.
    private func transform(_ vector: UnsafeMutablePointer<Float>, _ kernels: UnsafePointer<tvk_kernels>) {
        var end = 0
        for start in starts {
            if start < end {
                let factor = 1 / Float(blockSize).squareRoot()
                for i in start..<end { vector[i] *= factor }
            }
            kernels.pointee.hadamard(vector + start, blockSize)
            end = start + blockSize
        }
    }

    private func transformInverse(_ vector: UnsafeMutablePointer<Float>) {
        let factor = 1 / Float(blockSize).squareRoot()
        for start in starts.reversed() {
            Kernels.best.pointee.hadamard(vector + start, blockSize)
            for i in start..<start + blockSize { vector[i] *= factor }
        }
    }

    private func unpermute(
        _ source: UnsafePointer<Float>, _ round: Round, _ target: UnsafeMutablePointer<Float>
    ) {
        for i in 0..<dimensions {
            target[Int(round.order[i])] = round.weights[i] < 0 ? -source[i] : source[i]
        }
    }
}
