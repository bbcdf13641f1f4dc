import CVectorKernels
import Foundation
import TestSupport
import Testing

/// The kernels of transformer layers against the same in double precision, at every level.
@Suite struct LayerKernelTests {
    struct LayerLevel: Sendable, CustomTestStringConvertible {
        let level: tvk_level
        var kernels: UnsafePointer<tvk_layer_kernels> { tvk_layer_kernels_for(level)! }
        var testDescription: String { String(cString: tvk_level_name(level)) }
        static let available: [LayerLevel] = Level.available.map { LayerLevel(level: $0.level) }
    }

    private static let panel = Int(TVK_PANEL)

    @Test func everyLevelHasATable() {
        for level in Level.available { #expect(tvk_layer_kernels_for(level.level)?.pointee.level == level.level) }
        #expect(tvk_layer_kernels_best().pointee.level == tvk_kernels_best().pointee.level)
    }

    /// Every height of a tile, partial panels, and depths around the block of 768.
    @Test(arguments: LayerLevel.available)
    func productsAreThoseOfDoublePrecision(_ level: LayerLevel) {
        var random = SeededGenerator()
        let depths = [1, 7, 64, 767, 768, 769, 1_600]
        for rows in Array(1...29) + [61] {
            let columns = Int.random(in: 1...100, using: &random)
            checkProduct(level, rows: rows, columns: columns, depth: random.pick(depths), &random)
        }
        for depth in depths { checkProduct(level, rows: 13, columns: 64, depth: depth, &random) }
    }

    private func checkProduct(
        _ level: LayerLevel, rows: Int, columns: Int, depth: Int, _ random: inout SeededGenerator
    ) {
        let panels = (columns + Self.panel - 1) / Self.panel
        let (aStride, cStride) = (depth + 3, panels * Self.panel + 5)
        // What stands between rows must not be used.
        let a = Guarded(count: (rows - 1) * aStride + depth) { index in
            index % aStride < depth ? Float.random(in: -1...1, using: &random) : .nan
        }
        let scale = Float(0.5)
        let weights = Guarded(count: columns * depth) { _ in Float.random(in: -1...1, using: &random) }
        let packed = Guarded(count: panels * depth * Self.panel) { _ in Float.nan }
        tvk_pack_panels(weights.pointer, depth, columns, depth, scale, packed.pointer)
        let bias = Guarded(count: panels * Self.panel) { _ in Float.random(in: -1...1, using: &random) }
        let c = Guarded(count: (rows - 1) * cStride + panels * Self.panel) { _ in Float.nan }
        for (hasBias, isActivated) in [(false, false), (true, false), (true, true)] {
            var product = tvk_product(
                rows: rows, columns: columns, depth: depth, a: UnsafePointer(a.pointer), a_stride: aStride,
                b: UnsafePointer(packed.pointer), b_stride: Self.panel, b_panel_stride: depth * Self.panel,
                c: c.pointer,
                c_stride: cStride, bias: hasBias ? UnsafePointer(bias.pointer) : nil, activated: isActivated ? 1 : 0)
            level.kernels.pointee.multiply(&product)
            var worst = 0.0
            for row in 0..<rows {
                for column in 0..<columns {
                    var sum = hasBias ? Double(bias.pointer[column]) : 0
                    for k in 0..<depth {
                        sum +=
                            Double(a.pointer[row * aStride + k]) * Double(weights.pointer[column * depth + k] * scale)
                    }
                    if isActivated { sum = Self.gelu(sum) }
                    worst = max(worst, abs(sum - Double(c.pointer[row * cStride + column])))
                }
            }
            // Sums of that many products of about a tenth, each rounded once.
            #expect(
                worst < 2e-6 * Double(depth).squareRoot() + 2e-6,
                "\(level.testDescription) \(rows)×\(columns)×\(depth) bias \(hasBias) gelu \(isActivated): \(worst)")
        }
    }

    private static func gelu(_ x: Double) -> Double { 0.5 * x * erfc(-x / 2.0.squareRoot()) }

    @Test(arguments: LayerLevel.available)
    func geluIsExactToAMillionth(_ level: LayerLevel) {
        for count in 1...40 {
            let inputs = (0..<count).map { Float($0 - 20) * 0.37 + Float(count) * 0.01 }
            let x = Guarded(count: count) { inputs[$0] }
            level.kernels.pointee.gelu(x.pointer, count)
            for i in 0..<count {
                let wanted = Self.gelu(Double(inputs[i]))
                #expect(abs(Double(x.pointer[i]) - wanted) <= 1e-6 * max(1, abs(Double(inputs[i]))), "x \(inputs[i])")
            }
        }
        let limits: [Float] = [0, 1e-30, 30, 1e30, -30, -1e30, .greatestFiniteMagnitude]
        let wanted: [Float] = [0, 5e-31, 30, 1e30, 0, 0, .greatestFiniteMagnitude]
        let x = Guarded(count: limits.count) { limits[$0] }
        level.kernels.pointee.gelu(x.pointer, limits.count)
        for i in limits.indices { #expect(x.pointer[i] == wanted[i], "x \(limits[i])") }
        let none = Guarded(count: 1) { _ in Float.nan }
        level.kernels.pointee.gelu(none.pointer, 1)
        #expect(none.pointer[0].isNaN)
    }

    @Test(arguments: LayerLevel.available)
    func softmaxIsExactToAMillionth(_ level: LayerLevel) {
        var random = SeededGenerator()
        for count in Array(1...70) + [384] {
            for spread: Float in [0, 1, 30, 1e6] {
                let inputs = (0..<count).map { _ in Float.random(in: -1...1, using: &random) * spread }
                let offsets = (0..<count).map { _ in Float.random(in: -1...1, using: &random) }
                let x = Guarded(count: count) { inputs[$0] }
                let bias = Guarded(count: count) { offsets[$0] }
                level.kernels.pointee.softmax(x.pointer, bias.pointer, count)
                let sums = zip(inputs, offsets).map { Double($0 + $1) }
                let greatest = sums.max() ?? 0
                let exponentials = sums.map { exp($0 - greatest) }
                let total = exponentials.reduce(0, +)
                for i in 0..<count {
                    #expect(abs(Double(x.pointer[i]) - exponentials[i] / total) < 1e-6, "\(count) \(spread) \(i)")
                }
            }
        }
    }

    @Test(arguments: LayerLevel.available)
    func normalizationHasMeanAndVarianceOfTheSum(_ level: LayerLevel) {
        var random = SeededGenerator()
        for count in Array(1...70) + [768] {
            func numbers(_ shift: Float) -> Guarded<Float> {
                Guarded(count: count) { _ in Float.random(in: -1...1, using: &random) + shift }
            }
            let (x, residual, weight, bias) = (numbers(3), numbers(-1), numbers(1), numbers(0))
            let sums = (0..<count).map { Double(x.pointer[$0]) + Double(residual.pointer[$0]) }
            let mean = sums.reduce(0, +) / Double(count)
            let variance = sums.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
            let wanted = (0..<count).map {
                (sums[$0] - mean) / (variance + 1e-5).squareRoot() * Double(weight.pointer[$0])
                    + Double(bias.pointer[$0])
            }
            level.kernels.pointee.layer_norm(x.pointer, residual.pointer, weight.pointer, bias.pointer, 1e-5, count)
            // One component alone has no variance, and its rounding is divided by the root of epsilon.
            let allowed = count < 4 ? 5e-3 : 2e-5
            for i in 0..<count { #expect(abs(Double(x.pointer[i]) - wanted[i]) < allowed, "\(count) \(i)") }
        }
    }
}
