import Embedding
import Foundation
import JSON
import TestSupport
import Testing

/// Folders that hold no usable model: each is refused with a reason, and none ends the process.
@Suite struct ModelFolderTests {
    /// A safetensors file of a header and some bytes.
    private func file(_ header: String, data: Int = 0, length: UInt64? = nil) -> [UInt8] {
        let length = length ?? UInt64(header.utf8.count)
        return withUnsafeBytes(of: length.littleEndian) { Array($0) } + Array(header.utf8)
            + [UInt8](repeating: 0, count: data)
    }

    @Test func hostileHeadersAreRefused() throws {
        let cases: [(String, [UInt8])] = [
            ("0 bytes are no safetensors file", []),
            ("7 bytes are no safetensors file", [1, 0, 0, 0, 0, 0, 0]),
            ("a header of 100 bytes", file("{}", length: 100)),
            ("a header of 18446744073709551615 bytes", file("{}", length: .max)),
            ("expected", file("")),
            ("expected", file("{\"a\":")),
            ("no known dtype", file(#"{"a": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}"#, data: 4)),
            ("no known dtype", file(#"{"a": 1}"#)),
            ("no shape", file(#"{"a": {"dtype": "F32", "data_offsets": [0, 4]}}"#, data: 4)),
            (
                "no shape",
                file(#"{"a": {"dtype": "F32", "shape": [1,1,1,1,1,1,1,1,1], "data_offsets": [0, 4]}}"#, data: 4)
            ),
            ("no list of lengths", file(#"{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}"#, data: 4)),
            ("no list of lengths", file(#"{"a": {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 4]}}"#, data: 4)),
            (
                "too many elements",
                file(
                    #"{"a": {"dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 4]}}"#, data: 4)
            ),
            ("outside of the file", file(#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]}}"#, data: 4)),
            ("outside of the file", file(#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}"#, data: 4)),
            ("outside of the file", file(#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}"#, data: 4)),
            (
                "outside of the file",
                file(#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 9223372036854775807]}}"#, data: 4)
            ),
            (
                "where dtype and shape make 8",
                file(#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}"#, data: 4)
            ),
            (
                "there twice",
                file(
                    #"{"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}, "a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}"#,
                    data: 1)
            ),
            (
                "overlaps another",
                file(
                    #"{"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}, "b": {"dtype": "U8", "shape": [2], "data_offsets": [1, 3]}}"#,
                    data: 3)
            ),
            (
                "belong to no tensor before b",
                file(
                    #"{"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}, "b": {"dtype": "U8", "shape": [1], "data_offsets": [2, 3]}}"#,
                    data: 3)
            ),
            (
                "belong to no tensor at the end",
                file(#"{"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}"#, data: 2)
            ),
            ("expected an object", file(String(repeating: "[", count: 100))),
            ("levels", file(#"{"a": "# + String(repeating: "[", count: 100))),
            ("has no embeddings.word_embeddings.weight", file("{}")),
        ]
        try withModelCopy { folder in
            for (reason, bytes) in cases {
                try write(bytes, to: folder + "/model.safetensors")
                expectRefused(folder, reason)
            }
        }
    }

    /// Every tensor's name, type and shape in turn is made another one.
    @Test func everyTensorIsNeeded() throws {
        let original = try TestFiles.bytes("tiny/model.safetensors")
        let length = Int(original.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
        let header = try #require(try JSONValue(parsing: original[8..<8 + length]).objectValue)
        let rest = original[(8 + length)...]
        var checked = 0
        try withModelCopy { folder in
            for name in header.keys where name.string != "__metadata__" && !name.string.hasSuffix("position_ids") {
                var (missing, other, flat) = (header, header, header)
                missing[ByteString("other." + name.string)] = missing.removeValue(forKey: name)
                other[name]?["dtype"] = "I32"
                let count = header[name]?["shape"]?.arrayValue?.reduce(1) { $0 * ($1.integerValue ?? 0) } ?? 0
                flat[name]?["shape"] = [1, 1, JSONValue(count)]
                for (change, changed) in [("missing", missing), ("I32", other), ("shape", flat)] {
                    let bytes = JSONValue.object(changed).serialized()
                    try write(
                        withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { Array($0) } + bytes + rest,
                        to: folder + "/model.safetensors")
                    // A last layer without its queries is a layer less, of which config.json tells.
                    expectRefused(folder, change == "missing" ? nil : change)
                    checked += 1
                }
            }
        }
        #expect(checked > 90)
    }

    /// Flips bytes of the header at random: what is loaded all the same embeds, and nothing crashes.
    @Test func damagedHeadersDoNotCrash() throws {
        var random = SeededGenerator()
        let original = try TestFiles.bytes("tiny/model.safetensors")
        let length = Int(original.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
        var refused = 0
        try withModelCopy { folder in
            for _ in 0..<repetitions(300) {
                var bytes = original
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    bytes[Int.random(in: 0..<8 + length, using: &random)] = random.pick(
                        Array("0123456789,[]{}\"ax".utf8))
                }
                try write(bytes, to: folder + "/model.safetensors")
                do {
                    let vectors = try MPNetEmbedder(folder: folder, threads: 1).embed(["solar trend"], deadline: .never)
                    #expect(abs(cosine(vectors[0], vectors[0]) - 1) < 1e-6)
                } catch let error as EmbeddingError {
                    guard case .invalidModelFolder = error else { throw error }
                    refused += 1
                }
            }
        }
        #expect(refused > 0)
    }

    @Test func numbersThatAreNotFiniteAreRefused() throws {
        let original = try TestFiles.bytes("tiny/model.safetensors")
        let length = Int(original.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
        try withModelCopy { folder in
            var bytes = original
            // Little-endian: the two last bytes make the sign and exponent of an infinity or of no number.
            for offset in stride(from: 8 + length, to: bytes.count, by: 4) {
                (bytes[offset + 2], bytes[offset + 3]) = (0x80, 0x7F)
            }
            try write(bytes, to: folder + "/model.safetensors")
            expectRefused(folder, "aren't finite")
        }
        // Rows of the vocabulary are read when they are needed.
        let header = try JSONValue(parsing: original[8..<8 + length])
        let words = try #require(header["embeddings.word_embeddings.weight"]?["data_offsets"]?.arrayValue)
        let start = 8 + length + Int(try #require(words[0].integerValue))
        try withModelCopy { folder in
            var bytes = original
            for offset in stride(from: start, to: 8 + length + Int(words[1].integerValue ?? 0), by: 4) {
                (bytes[offset + 2], bytes[offset + 3]) = (0x80, 0x7F)
            }
            try write(bytes, to: folder + "/model.safetensors")
            let embedder = try MPNetEmbedder(folder: folder)
            #expect(throws: EmbeddingError.invalidModelFolder(reason: "its weights lead to vectors without direction"))
            {
                try embedder.embed(["solar"], deadline: .never)
            }
        }
    }

    @Test func aFileThatShrinksInUseIsAnError() throws {
        try withModelCopy { folder in
            let embedder = try MPNetEmbedder(folder: folder)
            #expect(truncate(folder + "/model.safetensors", 100) == 0)
            do {
                _ = try embedder.embed(["solar"], deadline: .never)
                Issue.record("The text was embedded")
            } catch EmbeddingError.invalidModelFolder(let reason) {
                #expect(reason.contains("it has become shorter"))
            }
        }
    }

    @Test func missingFilesAreNamed() throws {
        expectRefused("/nonexistent", "/nonexistent/model.safetensors can't be opened")
        for name in ["model.safetensors", "tokenizer.json"] {
            try withModelCopy { folder in
                try FileManager.default.removeItem(atPath: folder + "/" + name)
                expectRefused(folder, name)
                try FileManager.default.createDirectory(atPath: folder + "/" + name, withIntermediateDirectories: false)
                expectRefused(folder, "is no file")
                try FileManager.default.removeItem(atPath: folder + "/" + name)
                #expect(mkfifo(folder + "/" + name, 0o600) == 0)
                expectRefused(folder, "is no file")
            }
        }
    }

    @Test func aConfigurationThatSaysOtherwiseIsRefused() throws {
        let original = try JSONValue(parsing: TestFiles.bytes("tiny/config.json"))
        try withModelCopy { folder in
            try FileManager.default.removeItem(atPath: folder + "/config.json")
            #expect(try MPNetEmbedder(folder: folder).model.dimensions == 64)
            let changes: [(String, JSONValue)] = [
                ("model_type", "bert"), ("hidden_act", "relu"), ("layer_norm_eps", 1e-12), ("hidden_size", 32),
                ("num_attention_heads", 4), ("num_hidden_layers", 3), ("intermediate_size", 128),
                ("max_position_embeddings", 514), ("relative_attention_num_buckets", 16), ("vocab_size", 1),
                ("pad_token_id", 0),
            ]
            for (key, value) in changes {
                var changed = original
                changed[key] = value
                try write(changed.serialized(), to: folder + "/config.json")
                expectRefused(folder, key)
            }
            try write(Array("nonsense".utf8), to: folder + "/config.json")
            expectRefused(folder, "config.json")
        }
    }
}
