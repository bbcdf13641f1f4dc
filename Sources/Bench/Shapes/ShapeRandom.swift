import Foundation
import Quantization

/// One row of a shape while it is filled: `float[dimensions]`, zeros at first.
package typealias ShapeRow = UnsafeMutableBufferPointer<Float>

/// Random numbers for shapes: `RandomSource` with a fast source of normal values.
package struct ShapeRandom: RandomNumberGenerator {
    private var source: RandomSource
    /// The second value of the last pair of normals.
    private var spare: Float?

    package init(seed: UInt64) { source = RandomSource(seed: seed) }

    package mutating func next() -> UInt64 { source.next() }

    /// Uniform in 0 < x ≤ 1, so that its logarithm is finite.
    package mutating func positiveUnit() -> Float { Self.positiveUnit(next()) }

    /// Uniform in 0..<`bound`.
    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

    /// Normally distributed with mean 0 and variance 1. Box and Muller, 1958: one draw of 64 bits makes two values.
    package mutating func normal() -> Float {
        if let value = spare {
            spare = nil
            return value
        }
        let bits = next()
        let radius = (-2 * log(Self.positiveUnit(bits))).squareRoot()
        let angle = 2 * Float.pi * Float(UInt32(truncatingIfNeeded: bits)) * 0x1p-32
        spare = radius * sin(angle)
        return radius * cos(angle)
    }

    /// A random direction: `float[dimensions]` of length 1.
    mutating func direction(_ dimensions: Int) -> [Float] {
        let values = (0..<dimensions).map { _ in normal() }
        let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return values.map { $0 / length }
    }

    /// Adds Gaussian noise of expected length `length` to a row.
    mutating func addNoise(_ length: Float, to row: ShapeRow) {
        let scale = length / Float(row.count).squareRoot()
        for axis in row.indices { row[axis] += scale * normal() }
    }

    /// From the upper half of 64 random bits.
    private static func positiveUnit(_ bits: UInt64) -> Float { (Float(bits >> 32) + 1) * 0x1p-32 }
}
