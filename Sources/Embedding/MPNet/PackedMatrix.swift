import CVectorKernels
import Dispatch
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

    /// The weights are 0 until `pack` has set them.
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
    ///   - threads: How many share the work, each with outputs of its own.
    func multiply(
        _ rows: UnsafePointer<Float>, rowStride: Int, count: Int, into out: UnsafeMutablePointer<Float>, outStride: Int,
        activated: Bool, threads: Int, _ kernels: UnsafePointer<tvk_layer_kernels>
    ) {
        let panelCount = outputs / Int(TVK_PANEL)
        // Threads write to parts of their own.
        nonisolated(unsafe) let rows = rows
        nonisolated(unsafe) let out = out
        nonisolated(unsafe) let kernels = kernels
        @Sendable func part(_ index: Int, of parts: Int) {
            let first = index * panelCount / parts * Int(TVK_PANEL)
            let end = (index + 1) * panelCount / parts * Int(TVK_PANEL)
            bias.withUnsafeBufferPointer { bias in
                var product = tvk_product(
                    rows: count, columns: end - first, depth: inputs, a: rows, a_stride: rowStride,
                    b: UnsafePointer(panels.base + first * inputs), b_stride: Int(TVK_PANEL),
                    b_panel_stride: inputs * Int(TVK_PANEL), c: out + first, c_stride: outStride,
                    bias: bias.baseAddress! + first, activated: activated ? 1 : 0)
                kernels.pointee.multiply(&product)
            }
        }
        let parts = min(threads, panelCount)
        if parts <= 1 {
            part(0, of: 1)
        } else {
            DispatchQueue.concurrentPerform(iterations: parts) { part($0, of: parts) }
        }
    }
}
