import ArgumentParser
import JSON
import Quantization

/// The flags of a graph and of the machine that builds it, shared by all subcommands that build one.
struct GraphOptions: ParsableArguments {
    @Option(help: "Links a node; twice as many on the lowest level.")
    var m = 16
    @Option(help: "Candidates considered when a point is linked.")
    var efConstruct = 100
    @Option(help: "Threads that build the index.")
    var buildThreads = 2
    @Option(help: "Seed of the graph's levels and the rotation.")
    var seed: UInt64 = 42
    @Option(help: "Forces the kernels: scalar, avx2, avx512 or neon.")
    var simdLevel: String?

    func validate() throws {
        guard (0...1024).contains(m) else { throw ValidationError("--m must be 0…1024") }
        guard (1...10_000).contains(efConstruct) else { throw ValidationError("--ef-construct must be 1…10000") }
        guard (1...256).contains(buildThreads) else { throw ValidationError("--build-threads must be 1…256") }
    }

    /// Chooses the kernels; before anything is scored.
    func chooseKernels() throws {
        if let simdLevel { try Machine.force(simdLevel: simdLevel) }
    }
}

/// The flags of an index over the user's own vectors, shared by the subcommands.
struct IndexOptions: ParsableArguments {
    @OptionGroup var graph: GraphOptions
    @Option(help: "cosine, dot, euclid or manhattan. Cosine normalises rows and queries.")
    var metric = "cosine"
    @Option(help: "Share of the values that the int8 range covers, 0.5…1 (default: the index's own).")
    var quantile: Float?
    @Option(help: "Element type in which the rows are kept for rescoring: float32 or float16.")
    var datatype = "float32"
    @Flag(help: "Keeps no codes: walks, scans and links go by the stored rows.")
    var noCodes = false

    func validate() throws {
        if let quantile, !(0.5...1).contains(quantile) { throw ValidationError("--quantile must be 0.5…1") }
        _ = try parsedMetric()
        _ = try parsedElement()
    }

    func parsedMetric() throws -> Metric {
        switch metric {
        case "cosine": return .cosine
        case "dot": return .dot
        case "euclid": return .euclid
        case "manhattan": return .manhattan
        default: throw ValidationError("--metric \(metric): known are cosine, dot, euclid and manhattan")
        }
    }

    private func parsedElement() throws -> ElementType {
        switch datatype {
        case "float32": return .float32
        case "float16": return .float16
        default: throw ValidationError("--datatype \(datatype): known are float32 and float16")
        }
    }

    func settings() throws -> IndexBench.Settings {
        IndexBench.Settings(
            metric: try parsedMetric(), element: try parsedElement(), m: graph.m,
            efConstruct: graph.efConstruct, codec: noCodes ? .none : .int8(quantile: quantile), seed: graph.seed,
            buildThreads: graph.buildThreads)
    }

    var json: JSONValue {
        [
            "m": JSONValue(graph.m), "efConstruct": JSONValue(graph.efConstruct), "metric": .string(metric),
            "quantile": quantile.map { .double(rounded(Double($0), 6)) } ?? .null, "datatype": .string(datatype),
            "buildThreads": JSONValue(graph.buildThreads), "noCodes": .bool(noCodes),
        ]
    }
}
