import CVectorKernels
import JSON

/// How large a model is. All of it follows from its tensors' shapes; `config.json`, where there is one, must agree.
struct MPNetShape: Sendable, Equatable {
    var vocabulary: Int
    /// Components of a token's state, and of the vectors.
    var width: Int
    var heads: Int
    var layers: Int
    /// Components between the two products of a layer's second half.
    var inner: Int
    /// Rows of the table of positions. The first two are not used (padding), so texts have two tokens less.
    var positions: Int
    var buckets: Int

    static let epsilon: Float = 1e-5
    /// Positions count from the padding's id + 1.
    static let firstPosition = 2

    private static let mostLayers = 64
    private static let widest = 8_192

    var headWidth: Int { width / heads }
    var mostTokens: Int { positions - Self.firstPosition }

    init(_ tensors: MPNetTensors) throws(EmbeddingError) {
        let words = try tensors.shape(MPNetTensors.words, axes: 2)
        (vocabulary, width) = (words[0], words[1])
        positions = try tensors.shape(MPNetTensors.positions, axes: 2)[0]
        let table = try tensors.shape(MPNetTensors.distances, axes: 2)
        (buckets, heads) = (table[0], table[1])
        layers = try tensors.countLayers(upTo: Self.mostLayers)
        inner = try tensors.shape("encoder.layer.0.intermediate.dense.weight", axes: 2)[0]
        let panel = Int(TVK_PANEL)
        guard (1...Self.widest).contains(width), (1...1 << 20).contains(vocabulary), (4...1 << 16).contains(positions),
            (1...width).contains(heads), width % heads == 0, (width / heads) % panel == 0,
            // What attention finds stands where the inner states come.
            (width...4 * Self.widest).contains(inner), inner % panel == 0,
            (4...RelativePositionBias.mostBuckets).contains(buckets), buckets % 2 == 0
        else {
            throw .invalidModelFolder(
                reason: """
                    unusual sizes: \(vocabulary) pieces, width \(width), \(heads) heads, inner width \(inner), \
                    \(positions) positions, \(buckets) buckets; heads and the inner width must be multiples of \(panel) wide, and the \
                    inner width no less than the width
                    """)
        }
    }

    /// Refuses a configuration that says something else than what is computed.
    func check(configuration bytes: [UInt8]) throws(EmbeddingError) {
        let value: JSONValue
        do { value = try JSONValue(parsing: bytes, maximumDepth: 16) } catch {
            throw .invalidModelFolder(reason: "config.json: \(error)")
        }
        func require(_ key: String, _ isRight: (JSONValue) -> Bool) throws(EmbeddingError) {
            guard let given = value[key], !isRight(given) else { return }
            let text = String(String(decoding: given.serialized(), as: UTF8.self).prefix(100))
            throw .invalidModelFolder(
                reason: "config.json: \(key) is \(text), which this model isn't or isn't supported")
        }
        try require("model_type") { $0 == "mpnet" }
        try require("hidden_act") { $0 == "gelu" }
        try require("layer_norm_eps") { ($0.doubleValue ?? 0) == 1e-5 }
        try require("hidden_size") { $0.integerValue == Int64(width) }
        try require("num_attention_heads") { $0.integerValue == Int64(heads) }
        try require("num_hidden_layers") { $0.integerValue == Int64(layers) }
        try require("intermediate_size") { $0.integerValue == Int64(inner) }
        try require("max_position_embeddings") { $0.integerValue == Int64(positions) }
        try require("relative_attention_num_buckets") { $0.integerValue == Int64(buckets) }
        try require("vocab_size") { $0.integerValue == Int64(vocabulary) }
        try require("pad_token_id") { $0.integerValue == Int64(Self.firstPosition - 1) }
    }
}
