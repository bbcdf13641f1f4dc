import CVectorKernels
import Quantization

/// The encoder at work on some texts: room for their states, used again for the next texts.
///
/// Texts lie one behind the other without padding. Products with weights take all tokens at once; attention goes text by text
/// and head by head.
struct MPNetForward {
    private let weights: MPNetWeights
    private let kernels: UnsafePointer<tvk_layer_kernels>
    private let capacity: Int
    private let threads: Int
    // Rows of one token each. Strides are a cache line longer than rows, because rows a power of two apart would
    // share cache sets.
    private let states: TemporaryMemory<Float>
    private let changes: TemporaryMemory<Float>
    private let attention: TemporaryMemory<Float>
    private let inner: TemporaryMemory<Float>
    /// Of one text and head.
    private let keys: TemporaryMemory<Float>
    private let scores: TemporaryMemory<Float>

    private static let padding = 16
    private static let panel = Int(TVK_PANEL)

    private var stateStride: Int { weights.shape.width + Self.padding }
    private var attentionStride: Int { 3 * weights.shape.width + Self.padding }
    private var innerStride: Int { weights.shape.inner + Self.padding }
    private static func scoreStride(_ count: Int) -> Int { (count + panel - 1) / panel * panel + padding }

    /// - Parameters:
    ///   - capacity: The most tokens of all texts at once.
    ///   - longest: The most tokens of one text.
    ///   - threads: How many share each product with weights.
    init(_ weights: MPNetWeights, capacity: Int, longest: Int, threads: Int) {
        self.weights = weights
        self.capacity = capacity
        self.threads = threads
        kernels = tvk_layer_kernels_best()
        let shape = weights.shape
        states = TemporaryMemory(capacity: capacity * (shape.width + Self.padding))
        changes = TemporaryMemory(capacity: capacity * (shape.width + Self.padding))
        attention = TemporaryMemory(capacity: capacity * (3 * shape.width + Self.padding))
        inner = TemporaryMemory(capacity: capacity * (shape.inner + Self.padding))
        keys = TemporaryMemory(capacity: Self.scoreStride(longest) * shape.headWidth)
        scores = TemporaryMemory(capacity: Self.scoreStride(longest) * longest)
    }

    func deallocate() {
        for memory in [states, changes, attention, inner, keys, scores] { memory.deallocate() }
    }

    /// Embeds texts that are already pieces.
    ///
    /// - Parameters:
    ///   - texts: Ids of pieces, as many as `capacity` together and 1…`longest` each.
    ///   - stop: Asked before each layer; an error that it answers ends the work.
    /// - Returns: `float[width]` of length 1 for each text.
    func embed(_ texts: [[Int32]], stop: () -> EmbeddingError?) throws(EmbeddingError) -> [[Float]] {
        let counts = texts.map(\.count)
        let tokens = counts.reduce(0, +)
        precondition(tokens <= capacity)
        try start(texts)
        for layer in weights.layers {
            if let error = stop() { throw error }
            layer.attention.multiply(
                states.base, rowStride: stateStride, count: tokens, into: attention.base, outStride: attentionStride,
                activated: false, threads: threads, kernels)
            var first = 0
            for count in counts {
                attend(first: first, count: count)
                first += count
            }
            // What attention found of each text stands in `inner` by now, which is free until the next step.
            layer.output.multiply(
                inner.base, rowStride: innerStride, count: tokens, into: changes.base, outStride: stateStride,
                activated: false, threads: threads, kernels)
            add(layer.attentionNorm, tokens: tokens)
            layer.up.multiply(
                states.base, rowStride: stateStride, count: tokens, into: inner.base, outStride: innerStride,
                activated: true, threads: threads, kernels)
            layer.down.multiply(
                inner.base, rowStride: innerStride, count: tokens, into: changes.base, outStride: stateStride,
                activated: false, threads: threads, kernels)
            add(layer.outputNorm, tokens: tokens)
        }
        return try pool(counts)
    }

    /// The states before the first layer: each token's row of the vocabulary and its position's.
    private func start(_ texts: [[Int32]]) throws(EmbeddingError) {
        let width = weights.shape.width
        var row = 0
        for text in texts {
            for (place, id) in text.enumerated() {
                let state = states.base + row * stateStride
                try weights.readWord(id, into: state)
                weights.positions.withUnsafeBufferPointer { positions in
                    normalize(
                        state, residual: positions.baseAddress! + (place + MPNetShape.firstPosition) * width,
                        weights.embeddingNorm)
                }
                row += 1
            }
        }
    }

    /// Adds the changes to the states and normalises them.
    private func add(_ norm: MPNetWeights.Normalization, tokens: Int) {
        for row in 0..<tokens {
            normalize(states.base + row * stateStride, residual: changes.base + row * stateStride, norm)
        }
    }

    private func normalize(
        _ state: UnsafeMutablePointer<Float>, residual: UnsafePointer<Float>, _ norm: MPNetWeights.Normalization
    ) {
        norm.weight.withUnsafeBufferPointer { weight in
            norm.bias.withUnsafeBufferPointer { bias in
                kernels.pointee.layer_norm(
                    state, residual, weight.baseAddress!, bias.baseAddress!, MPNetShape.epsilon, weights.shape.width)
            }
        }
    }

    /// Attention within one text: softmax(queries · keysᵀ + distances) · values for each head, into `inner`.
    private func attend(first: Int, count: Int) {
        let (width, headWidth) = (weights.shape.width, weights.shape.headWidth)
        let rows = attention.base + first * attentionStride
        let scoreStride = Self.scoreStride(count)
        for head in 0..<weights.shape.heads {
            let queries = rows + head * headWidth
            tvk_pack_panels(queries + width, attentionStride, count, headWidth, 1, keys.base)
            var scoring = tvk_product(
                rows: count, columns: count, depth: headWidth, a: UnsafePointer(queries), a_stride: attentionStride,
                b: UnsafePointer(keys.base), b_stride: Self.panel, b_panel_stride: headWidth * Self.panel,
                c: scores.base,
                c_stride: scoreStride, bias: nil, activated: 0)
            kernels.pointee.multiply(&scoring)
            for query in 0..<count {
                weights.distances.withRow(head: head, query: query) { bias in
                    kernels.pointee.softmax(scores.base + query * scoreStride, bias, count)
                }
            }
            // The values lie as panels already: rows of tokens, of which a head takes some columns.
            var weighing = tvk_product(
                rows: count, columns: headWidth, depth: count, a: UnsafePointer(scores.base), a_stride: scoreStride,
                b: UnsafePointer(queries + 2 * width), b_stride: attentionStride, b_panel_stride: Self.panel,
                c: inner.base + (first * innerStride + head * headWidth), c_stride: innerStride, bias: nil, activated: 0
            )
            kernels.pointee.multiply(&weighing)
        }
    }

    /// The mean of each text's states, of length 1.
    private func pool(_ counts: [Int]) throws(EmbeddingError) -> [[Float]] {
        let width = weights.shape.width
        var vectors: [[Float]] = []
        vectors.reserveCapacity(counts.count)
        var row = 0
        for count in counts {
            var sum = [Float](repeating: 0, count: width)
            for _ in 0..<count {
                let state = states.base + row * stateStride
                for i in 0..<width { sum[i] += state[i] }
                row += 1
            }
            // The mean has the sum's direction.
            guard let vector = unitLength(sum) else {
                throw .invalidModelFolder(reason: "its weights lead to vectors without direction")
            }
            vectors.append(vector)
        }
        return vectors
    }
}
