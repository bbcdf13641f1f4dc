import Embedding
import Foundation
import JSON
import Testing

/// The encoder against PyTorch, on a tiny model of the same architecture.
@Suite struct MPNetTests {
    private let embedder: MPNetEmbedder

    init() throws { embedder = try MPNetEmbedder(folder: TestFiles.tinyModel, name: "tiny", threads: 2) }

    @Test func vectorsArePyTorchs() throws {
        let cases = try TestFiles.rows("embeddings.json")
        #expect(cases.count >= 50)
        // All at once, so that texts of all lengths share groups.
        let vectors = try embedder.embed(cases.map { $0["text"]?.stringValue ?? "" }, deadline: .never)
        for (row, vector) in zip(cases, vectors) {
            let wanted = try #require(row["vector"]?.arrayValue).map { Float($0.doubleValue ?? .nan) }
            #expect(wanted.count == 64 && vector.count == 64)
            let farthest = zip(vector, wanted).map { abs($0 - $1) }.max() ?? 1
            #expect(farthest < 2e-6, "\(row["text"]?.stringValue?.prefix(40) ?? ""): \(farthest)")
            #expect(abs(cosine(vector, vector) - 1) < 1e-6)
        }
    }

    /// The vector of a text doesn't depend on what is embedded beside it, nor on the number of threads.
    @Test(arguments: [1, 2, 5]) func textsDoNotMix(threads: Int) throws {
        let other = try MPNetEmbedder(folder: TestFiles.tinyModel, threads: threads)
        let texts = (0..<120).map { String(repeating: "solar trend ", count: $0 % 17) + "balcony \($0)" }
        let together = try other.embed(texts, deadline: .never)
        for (index, text) in texts.enumerated() {
            let alone = try embedder.embed([text], deadline: .never)[0]
            // Heights of tiles differ with the company, and with them the order of no sum; so all bits agree.
            #expect(together[index] == alone, "\(index)")
        }
    }

    @Test func modelIsNamedByItsWeights() throws {
        #expect(embedder.model.name == "tiny")
        #expect(embedder.model.dimensions == 64)
        #expect(!embedder.model.isLexical)
        #expect(embedder.model.identity.wholeMatch(of: /tiny@sha256:[0-9a-f]{16}/) != nil)
        try withModelCopy { folder in
            #expect(try MPNetEmbedder(folder: folder, name: "tiny").model.identity == embedder.model.identity)
            var weights = try TestFiles.bytes("tiny/model.safetensors")
            weights[weights.count - 4] ^= 1
            try write(weights, to: folder + "/model.safetensors")
            #expect(try MPNetEmbedder(folder: folder, name: "tiny").model.identity != embedder.model.identity)
        }
    }

    @Test func noTextsHaveNoVectors() throws {
        #expect(try embedder.embed([], deadline: .never).isEmpty)
    }

    @Test func aDeadlineThatPassedEndsTheWork() {
        #expect(throws: EmbeddingError.deadlineExceeded) { try embedder.embed(["solar"], deadline: .now) }
    }

    @Test func whatIsBeyondTheLongestTextIsLeftOut() throws {
        let short = try MPNetEmbedder(folder: TestFiles.tinyModel, longestText: 5)
        let vectors = try short.embed(["solar solar solar", "solar solar solar trend balcony"], deadline: .never)
        #expect(vectors[0] == vectors[1])
        #expect(try embedder.embed(["solar solar solar trend balcony"], deadline: .never)[0] != vectors[0])
    }

    @Test func settingsWithoutMeaningAreRefused() {
        for threads in [0, -1, 65] {
            #expect(throws: EmbeddingError.invalidConfiguration(reason: "\(threads) threads, not 1 to 64")) {
                try MPNetEmbedder(folder: TestFiles.tinyModel, threads: threads)
            }
        }
        for longest in [2, -1, 4_097, .max] {
            #expect(
                throws: EmbeddingError.invalidConfiguration(
                    reason: "the longest text must have 3 to 4096 tokens, not \(longest)")
            ) { try MPNetEmbedder(folder: TestFiles.tinyModel, longestText: longest) }
        }
    }

    @Test func severalCallersGetTheirOwn() async throws {
        let texts = (0..<40).map { "trend \($0)" }
        let wanted = try embedder.embed(texts, deadline: .never)
        try await withThrowingTaskGroup(of: [[Float]].self) { group in
            for _ in 0..<4 { group.addTask { try embedder.embed(texts, deadline: .never) } }
            for try await vectors in group { #expect(vectors == wanted) }
        }
    }
}
