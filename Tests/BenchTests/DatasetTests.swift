import Bench
import Foundation
import Quantization
import Testing

@Suite struct DatasetTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private func source(k: Int = 2, rows: Int? = nil) -> Dataset.Source {
        Dataset.Source(data: scratch.folder, metric: .cosine, k: k, rowLimit: rows)
    }

    /// A folder of six rows on a circle, with payloads and one filter.
    private func fill(payloads: Int = 6, filters: String? = nil) throws {
        let rows: [Float] = (0..<6).flatMap { [Float(cos(Double($0))), Float(sin(Double($0)))] }
        _ = try scratch.write(npy(npyHeader("<f4", "6, 2"), bytes(of: rows)), as: "base.npy")
        _ = try scratch.write(npy(npyHeader("<f4", "1, 2"), bytes(of: [3, 0] as [Float])), as: "queries.npy")
        _ = try scratch.write((0..<payloads).map { "{\"even\":\($0 % 2 == 0)}\n" }.joined(), as: "payload.jsonl")
        let text =
            #"[{"name":"even","kind":"bool","selectivity":0.5,"filter":{"must":[{"key":"even","match":{"value":true}}]}}]"#
        _ = try scratch.write(filters ?? text, as: "filters.json")
    }

    @Test func readsAFolderAndComputesItsTruth() throws {
        try fill()
        let dataset = try Dataset.load(source())
        #expect(dataset.rows.count == 6 && dataset.payloads.count == 6 && dataset.filters.count == 1)
        #expect(dataset.judge.verdict([0, 1]).recall == 1)
        #expect(dataset.judge.verdict([0, 3]).recall == 0.5)
        #expect(dataset.filters[0].judge.verdict([0, 2]).recall == 1)
        #expect(dataset.filters[0].judge.verdict([0, 5]).recall == 0.5)
    }

    @Test func aPartHasATruthOfItsOwn() throws {
        try fill()
        _ = try scratch.write(npy(npyHeader("<i4", "1, 2"), bytes(of: [0, 5] as [Int32])), as: "gt100_ids.npy")
        #expect(try Dataset.load(source()).judge.verdict([0, 5]).recall == 1)
        let part = try Dataset.load(source(rows: 4))
        #expect(part.rows.count == 4 && part.payloads.count == 4)
        #expect(part.judge.verdict([0, 1]).recall == 1)
    }

    @Test func refusesFoldersThatDoNotFit() throws {
        try fill(payloads: 5)
        #expect(refusal { try Dataset.load(source()) }.contains("5 payloads for 6 vectors"))
        try fill(filters: "{}")
        #expect(refusal { try Dataset.load(source()) }.contains("is not an array"))
        try fill(filters: #"[{"name":"even"}]"#)
        #expect(refusal { try Dataset.load(source()) }.contains("needs name, kind, selectivity"))
        try fill()
        _ = try scratch.write("{}\n[1]\n{}\n{}\n{}\n{}\n", as: "payload.jsonl")
        #expect(refusal { try Dataset.load(source()) }.contains("line 2"))
        try fill()
        #expect(refusal { try Dataset.load(source(k: 7)) }.contains("fewer than 7 rows"))
        _ = try scratch.write(npy(npyHeader("<i4", "1, 2"), bytes(of: [0, 6] as [Int32])), as: "gt100_ids.npy")
        #expect(refusal { try Dataset.load(source()) }.contains("a row that the base doesn't have"))
        _ = try scratch.write(npy(npyHeader("<f4", "1, 3"), bytes(of: [1, 0, 0] as [Float])), as: "queries.npy")
        #expect(refusal { try Dataset.load(source()) }.contains("2 dimensions, the queries have 3"))
        _ = try scratch.write(npy(npyHeader("<f4", "1, 2"), bytes(of: [1, .infinity] as [Float])), as: "queries.npy")
        #expect(refusal { try Dataset.load(source()) }.contains("row 0 has NaN or infinity"))
        _ = try scratch.write([0], as: "base2.npy")
        #expect(refusal { try Dataset.load(source()) }.contains("needs one file base….npy, has 2"))
    }

    @Test func readsTheTruthOfAnHDF5File() throws {
        let path = try testFile("newest.hdf5").path
        // Its distances are zeros, which no metric gives these rows but for the first neighbour's own.
        var source = Dataset.Source(data: path, metric: .cosine, k: 2)
        #expect(try Dataset.load(source).judge.verdict([0, 1, 1, 2]).recall == 1)
        source.metric = .dot
        #expect(refusal { try Dataset.load(source) }.contains("another metric"))
    }

    @Test(arguments: [
        ["--data", "a", "--base", "b", "--queries", "c"], ["--base", "b"], ["--queries", "q"], ["--k", "0"],
        ["--data", "a", "--truth-scores", "s"], ["--rows", "0", "--data", "a"],
        ["--base", "b", "--queries", "q", "--truth", "t", "--truth-scores", "s"],
    ]) func refusesOptionsThatDoNotGoTogether(arguments: [String]) {
        #expect(throws: (any Error).self) { try DataOptions.parse(arguments) }
    }

    @Test func readsSweeps() throws {
        #expect(try parseSweep("10,16") == [10, 16])
        #expect(try parseSweep("0,16", zeroIsDefault: true) == [0, 16])
        for text in ["", "0", "1,", "1 2", "-1", "1000001", "a"] {
            #expect(throws: (any Error).self) { try parseSweep(text) }
        }
    }
}
