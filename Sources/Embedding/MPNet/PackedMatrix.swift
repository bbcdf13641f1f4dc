import CVectorKernels
import Quantization

/// A layer's weights, rows of inputs for each output, stored as the panels that the kernel multiplies with.
final class PackedMatrix: @unchecked Sendable {
    /// Columns of the product: a multiple of the panel's width.
    let outputs: Int
    let inputs: Int
    /// `float[outputs]`.
    let bias: [Float]
    // Written before the object is shared, and never again.
    private let panels: TemporaryMemory<Float>

    /// - Parameter capacity: `outputs × inputs` floats are filled by `pack`.
    init(outputs: Int, inputs: Int, bias: [Float]) {
        precondition(outputs % Int(TVK_PANEL) == 0 && bias.count == outputs)
        self.outputs = outputs
        self.inputs = inputs
        self.bias = bias
        panels = TemporaryMemory(capacity: outputs * inputs)
    }

    deinit { panels.deallocate() }

    /// Takes the weights of `count` outputs from `first` on: `float[count × inputs]`, times `scale`. Both are multiples of the
    /// panel's width.
    func pack(_ weights: UnsafePointer<Float>, first: Int, count: Int, scale: Float) {
        precondition(first % Int(TVK_PANEL) == 0 && count % Int(TVK_PANEL) == 0 && first + count <= outputs)
        tvk_pack_panels(weights, inputs, count, inputs, scale, panels.base + first * inputs)
    }

    /// out = rows · weightsᵀ + bias, and through GELU if `activated`.
    ///
    /// - Parameters:
    ///   - rows: `float[count × inputs]`, `rowStride` apart.
    ///   - out: `float[count × outputs]`, `outStride` apart; overlaps nothing else.
    func multiply(
        _ rows: UnsafePointer<Float>, rowStride: Int, count: Int, into out: UnsafeMutablePointer<Float>, outStride: Int,
        activated: Bool, _ kernels: UnsafePointer<tvk_layer_kernels>
    ) {
        bias.withUnsafeBufferPointer { bias in
            var product = tvk_product(
                rows: count, columns: outputs, depth: inputs, a: rows, a_stride: rowStride, b: UnsafePointer(panels.base),
                b_stride: Int(TVK_PANEL), b_panel_stride: inputs * Int(TVK_PANEL), c: out, c_stride: outStride,
                bias: bias.baseAddress, activated: activated ? 1 : 0)
            kernels.pointee.multiply(&product)
        }
    }
}
