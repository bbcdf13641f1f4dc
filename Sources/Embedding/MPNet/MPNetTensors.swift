import JSON

/// The tensors of a model's file by their names in the encoder, whether or not the file has them under `mpnet.`.
struct MPNetTensors {
    static let words = "embeddings.word_embeddings.weight"
    static let positions = "embeddings.position_embeddings.weight"
    static let distances = "encoder.relative_attention_bias.weight"

    let file: ModelFile
    private let tensors: Safetensors
    private let prefix: String

    init(_ file: ModelFile) throws(EmbeddingError) {
        self.file = file
        tensors = try Safetensors(file)
        prefix = tensors.tensors[ByteString("mpnet." + Self.words)] == nil ? "" : "mpnet."
    }

    /// The shape of a tensor that must be there, of float32 and with so many axes.
    func shape(_ name: String, axes: Int) throws(EmbeddingError) -> [Int] {
        let tensor = try find(name)
        guard tensor.shape.count == axes else {
            throw .invalidModelFolder(reason: "\(file.name): \(name) has the shape \(tensor.shape)")
        }
        return tensor.shape
    }

    func countLayers(upTo limit: Int) throws(EmbeddingError) -> Int {
        var count = 0
        while tensors.tensors[ByteString("\(prefix)encoder.layer.\(count).attention.attn.q.weight")] != nil {
            count += 1
            guard count <= limit else { throw .invalidModelFolder(reason: "more than \(limit) layers") }
        }
        guard count > 0 else { throw .invalidModelFolder(reason: "\(file.name) has no layers of an MPNet encoder") }
        return count
    }

    /// Where a tensor of a known shape begins in the file.
    func offset(_ name: String, shape: [Int]) throws(EmbeddingError) -> Int {
        let tensor = try find(name)
        guard tensor.shape == shape else {
            throw .invalidModelFolder(
                reason: "\(file.name): \(name) has the shape \(tensor.shape), not \(shape) as the other tensors say")
        }
        return tensor.range.lowerBound
    }

    /// A tensor's numbers, which must be finite: one that isn't would make every vector unusable.
    func read(_ name: String, shape: [Int]) throws(EmbeddingError) -> [Float] {
        var values = [Float](repeating: 0, count: shape.reduce(1, *))
        try file.read(into: &values, at: try offset(name, shape: shape))
        // The sum of products with 0 is 0, unless a factor is infinite or no number.
        var sum: Float = 0
        for value in values { sum += value * 0 }
        guard sum == 0 else {
            throw .invalidModelFolder(reason: "\(file.name): \(name) has numbers that aren't finite")
        }
        return values
    }

    private func find(_ name: String) throws(EmbeddingError) -> Safetensors.Tensor {
        guard let tensor = tensors.tensors[ByteString(prefix + name)] else {
            throw .invalidModelFolder(reason: "\(file.name) has no \(name)")
        }
        guard tensor.type == "F32" else {
            throw .invalidModelFolder(reason: "\(file.name): \(name) is of \(tensor.type); F32 alone is supported")
        }
        return tensor
    }
}
