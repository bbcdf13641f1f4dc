import CVectorKernels

/// A model's weights in the form in which they are computed with. Of all-mpnet-base-v2 340 MB, beside which the 94 MB of the
/// vocabulary's rows stay in the file.
struct MPNetWeights: Sendable {
    struct Normalization: Sendable {
        var weight: [Float]
        var bias: [Float]
    }

    struct Layer: Sendable {
        /// Queries (already divided by the root of a head's width), keys and values, one behind the other.
        var attention: PackedMatrix
        var output: PackedMatrix
        var attentionNorm: Normalization
        var up: PackedMatrix
        var down: PackedMatrix
        var outputNorm: Normalization
    }

    let shape: MPNetShape
    /// `float[positions × width]`.
    let positions: [Float]
    let embeddingNorm: Normalization
    let distances: RelativePositionBias
    let layers: [Layer]

    private let file: ModelFile
    private let wordsOffset: Int

    /// - Parameter longestText: In tokens; no more than the model's positions are used.
    init(_ tensors: MPNetTensors, shape: MPNetShape, longestText: Int) throws(EmbeddingError) {
        self.shape = shape
        let width = shape.width
        file = tensors.file
        wordsOffset = try tensors.offset(MPNetTensors.words, shape: [shape.vocabulary, width])
        positions = try tensors.read(MPNetTensors.positions, shape: [shape.positions, width])
        distances = RelativePositionBias(
            table: try tensors.read(MPNetTensors.distances, shape: [shape.buckets, shape.heads]),
            buckets: shape.buckets,
            heads: shape.heads, mostTokens: min(longestText, shape.mostTokens))
        embeddingNorm = try Self.normalization(tensors, "embeddings.LayerNorm", width)
        var layers: [Layer] = []
        for index in 0..<shape.layers {
            let path = "encoder.layer.\(index)."
            layers.append(
                Layer(
                    attention: try Self.attention(tensors, path + "attention.attn.", shape),
                    output: try Self.matrix(tensors, path + "attention.attn.o", outputs: width, inputs: width),
                    attentionNorm: try Self.normalization(tensors, path + "attention.LayerNorm", width),
                    up: try Self.matrix(tensors, path + "intermediate.dense", outputs: shape.inner, inputs: width),
                    down: try Self.matrix(tensors, path + "output.dense", outputs: width, inputs: shape.inner),
                    outputNorm: try Self.normalization(tensors, path + "output.LayerNorm", width)))
        }
        self.layers = layers
    }

    /// Reads a piece's row of the vocabulary: `float[width]`.
    func readWord(_ id: Int32, into row: UnsafeMutablePointer<Float>) throws(EmbeddingError) {
        let bytes = shape.width * MemoryLayout<Float>.stride
        try file.read(
            into: UnsafeMutableRawBufferPointer(start: row, count: bytes), at: wordsOffset + Int(id) * bytes)
    }

    private static func normalization(
        _ tensors: MPNetTensors, _ path: String, _ width: Int
    ) throws(EmbeddingError) -> Normalization {
        Normalization(
            weight: try tensors.read(path + ".weight", shape: [width]),
            bias: try tensors.read(path + ".bias", shape: [width]))
    }

    private static func matrix(
        _ tensors: MPNetTensors, _ path: String, outputs: Int, inputs: Int
    ) throws(EmbeddingError) -> PackedMatrix {
        let matrix = PackedMatrix(
            outputs: outputs, inputs: inputs, bias: try tensors.read(path + ".bias", shape: [outputs]))
        matrix.pack(
            try tensors.read(path + ".weight", shape: [outputs, inputs]), first: 0, count: outputs, scale: 1)
        return matrix
    }

    private static func attention(
        _ tensors: MPNetTensors, _ path: String, _ shape: MPNetShape
    ) throws(EmbeddingError) -> PackedMatrix {
        let width = shape.width
        let scale = 1 / Float(shape.headWidth).squareRoot()
        let parts = [("q", scale), ("k", 1), ("v", 1)]
        var bias: [Float] = []
        for (part, scale) in parts {
            bias += try tensors.read(path + part + ".bias", shape: [width]).map { $0 * scale }
        }
        let matrix = PackedMatrix(outputs: 3 * width, inputs: width, bias: bias)
        for (index, (part, scale)) in parts.enumerated() {
            matrix.pack(
                try tensors.read(path + part + ".weight", shape: [width, width]), first: index * width, count: width,
                scale: scale)
        }
        return matrix
    }
}
