import ArgumentParser
import Quantization

/// Which vectors, queries and truth are measured, and how many results a query; shared by the subcommands.
package struct DataOptions: ParsableArguments {
    @Option(help: "Folder with vectors, queries, payloads and filters, or an ann-benchmarks HDF5 file.")
    var data: String?
    @Option(help: "Vectors to search, when there is no --data: .npy or .fvecs.")
    var base: String?
    @Option(help: "Query vectors for --base: .npy or .fvecs.")
    var queries: String?
    @Option(help: "True neighbours for --base: .npy or .ivecs of row numbers; computed when absent.")
    var truth: String?
    @Option(help: "In place of --truth, each query's exact scores, best first: .npy or .fvecs.")
    var truthScores: String?
    @Option(help: "Takes only the first so many rows; ids stay the file's row numbers, the truth is computed anew.")
    var rows: Int?
    @Option(help: "Takes only the first so many queries.")
    var queryCount: Int?
    @Option(help: "Results a query.")
    var k = 10

    package init() {}

    package func validate() throws {
        guard (1...10_000).contains(k) else { throw ValidationError("--k must be 1…10000") }
        guard rows ?? 1 > 0, queryCount ?? 1 > 0 else {
            throw ValidationError("--rows and --query-count must be positive")
        }
        guard data == nil || (base == nil && queries == nil && truth == nil && truthScores == nil) else {
            throw ValidationError("give --data, or --base with --queries")
        }
        guard (base == nil) == (queries == nil) else { throw ValidationError("--base and --queries go together") }
        guard base != nil || (truth == nil && truthScores == nil) else {
            throw ValidationError("--truth and --truth-scores need --base")
        }
        guard truth == nil || truthScores == nil else {
            throw ValidationError("give --truth or --truth-scores, not both")
        }
    }

    func load(_ metric: Metric, vectorsOnly: Bool = false) throws -> Dataset {
        try Dataset.load(
            Dataset.Source(
                data: data, base: base, queries: queries, truth: truth, truthScores: truthScores, metric: metric, k: k,
                rowLimit: rows, queryLimit: queryCount, vectorsOnly: vectorsOnly))
    }
}
