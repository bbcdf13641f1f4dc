import Foundation
import JSON
import Quantization
import SearchEngine

/// Vectors, queries, their true neighbours, and where there are any, payloads and filters.
package struct Dataset {
    package struct FilterCase {
        var name: String
        var kind: String
        var selectivity: Double
        /// One for all queries, or one a query; as REST text and as the engine takes them.
        var json: [JSONValue]
        var filters: [Filter]
        package var judge: Judge

        func filter(for query: Int) -> Filter { filters.count == 1 ? filters[0] : filters[query] }
        func json(for query: Int) -> JSONValue { json.count == 1 ? json[0] : json[query] }
    }

    var name: String
    package var rows: FloatRows
    var queries: FloatRows
    var metric: Metric
    package var judge: Judge
    /// By row; empty when the data have none.
    package var payloads: [Payload] = []
    package var filters: [FilterCase] = []

    /// Where the vectors come from, and how many of them are taken (`nil`: all).
    package struct Source {
        var data: String?
        var base: String?
        var queries: String?
        var truth: String?
        var truthScores: String?
        package var metric: Metric
        var k: Int
        var rowLimit: Int?
        var queryLimit: Int?
        /// Leaves a folder's payloads and filters unread.
        var vectorsOnly = false

        package init(
            data: String? = nil, base: String? = nil, queries: String? = nil, truth: String? = nil,
            truthScores: String? = nil, metric: Metric, k: Int, rowLimit: Int? = nil, queryLimit: Int? = nil,
            vectorsOnly: Bool = false
        ) {
            self.data = data
            self.base = base
            self.queries = queries
            self.truth = truth
            self.truthScores = truthScores
            self.metric = metric
            self.k = k
            self.rowLimit = rowLimit
            self.queryLimit = queryLimit
            self.vectorsOnly = vectorsOnly
        }
    }

    package static func load(_ source: Source) throws -> Dataset {
        if let data = source.data {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: data, isDirectory: &isFolder) else {
                throw BenchError("\(data): there is no such file or folder")
            }
            if isFolder.boolValue { return try folder(data, source) }
            guard data.hasSuffix(".hdf5") || data.hasSuffix(".h5") else {
                throw BenchError("\(data): needs a folder or an HDF5 file; give --base and --queries for other files")
            }
            return try hdf5(data, source)
        }
        guard let base = source.base, let queries = source.queries else {
            throw BenchError("give --data, or --base and --queries")
        }
        return try plain(
            name: URL(fileURLWithPath: base).deletingPathExtension().lastPathComponent, source,
            base: MappedMatrix.open(base), queries: MappedMatrix.open(queries),
            neighbours: source.truth.map(MappedMatrix.open))
    }

    private static func hdf5(_ path: String, _ source: Source) throws -> Dataset {
        let file = try HDF5File(path)
        let neighbours = try file.matrix("neighbors")
        let dataset = try plain(
            name: URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent, source,
            base: file.matrix("train"), queries: file.matrix("test"), neighbours: neighbours)
        if file.objects["distances"] != nil {
            try checkDistances(file.matrix("distances"), neighbours, dataset, path)
        }
        return dataset
    }

    /// The file's distances tell whether it was made for this metric: theirs rise as our scores fall.
    private static func checkDistances(
        _ distances: MappedMatrix, _ neighbours: MappedMatrix, _ dataset: Dataset, _ path: String
    ) throws {
        guard dataset.rows.count > 0, distances.columns >= 2, distances.rows == neighbours.rows else { return }
        for query in 0..<min(20, dataset.queries.count) {
            let distance = Double(try distances.floats(query)[0])
            let row = try neighbours.integers(query)[0]
            guard (0..<dataset.rows.count).contains(row) else { continue }
            let score = ExactScore.score(dataset.queries.row(query), dataset.rows.row(row), dataset.metric)
            let expected: [Double] =
                switch dataset.metric {
                case .cosine: [1 - score, (max(0, 2 - 2 * score)).squareRoot()]
                case .dot: [-score, 1 - score, score]
                case .euclid: [(-score).squareRoot(), -score]
                case .manhattan: [-score]
                }
            guard expected.contains(where: { abs($0 - distance) <= 1e-3 * max(1, abs(distance)) }) else {
                throw BenchError(
                    "\(path): its distances (\(distance) for the first neighbour of query \(query)) were made by another "
                        + "metric than \(dataset.metric); choose with --metric")
            }
        }
    }

    /// Vectors and queries, with neighbours given or computed here.
    private static func plain(
        name: String, _ source: Source, base: MappedMatrix, queries: MappedMatrix, neighbours: MappedMatrix?
    ) throws -> Dataset {
        let normalising = source.metric == .cosine
        let rows = try FloatRows(base, limit: source.rowLimit, normalising: normalising)
        let targets = try FloatRows(queries, limit: source.queryLimit, normalising: normalising)
        guard rows.dimensions == targets.dimensions else {
            throw BenchError("the base has \(rows.dimensions) dimensions, the queries have \(targets.dimensions)")
        }
        guard rows.count >= source.k else { throw BenchError("the base has fewer than \(source.k) rows") }
        let judge: Judge
        // Neighbours and scores of the whole base say nothing about a part of it.
        if let scores = source.truthScores, rows.count == base.rows {
            judge = try Judge(
                rows: rows, queries: targets, metric: source.metric, k: source.k, scores: MappedMatrix.open(scores))
        } else if let neighbours, rows.count == base.rows {
            guard neighbours.rows >= targets.count, neighbours.columns >= source.k else {
                throw BenchError("\(neighbours.file.path): too few true neighbours for \(targets.count) × \(source.k)")
            }
            judge = try Judge(
                rows: rows, queries: targets, metric: source.metric, k: source.k, neighbours: neighbours.integers)
        } else {
            note("computing the true neighbours of \(targets.count) queries")
            let best = try ExactScore.best(
                source.k, rows: rows, queries: targets, metric: source.metric, label: "true neighbours")
            judge = try Judge(
                rows: rows, queries: targets, metric: source.metric, k: source.k, neighbours: { best[$0].map(\.row) })
        }
        return Dataset(name: name, rows: rows, queries: targets, metric: source.metric, judge: judge)
    }

    /// `base*_f16.npy` or `base*_f32.npy`, `queries_*.npy`, `gt100_ids.npy`, `payload.jsonl`, `filters.json`.
    private static func folder(_ path: String, _ source: Source) throws -> Dataset {
        let files = try FileManager.default.contentsOfDirectory(atPath: path)
        func file(_ prefix: String) throws -> String {
            let found = files.filter { $0.hasPrefix(prefix) && $0.hasSuffix(".npy") }
            guard found.count == 1 else {
                throw BenchError("\(path): needs one file \(prefix)….npy, has \(found.count)")
            }
            return path + "/" + found[0]
        }
        let base = try MappedMatrix.open(file("base"))
        var dataset = try plain(
            name: URL(fileURLWithPath: path).lastPathComponent, source, base: base,
            queries: MappedMatrix.open(file("queries")),
            neighbours: files.contains("gt100_ids.npy") ? MappedMatrix.open(path + "/gt100_ids.npy") : nil)
        guard !source.vectorsOnly else { return dataset }
        if files.contains("payload.jsonl") {
            dataset.payloads = try PayloadLines.read(path + "/payload.jsonl", count: dataset.rows.count)
        }
        if files.contains("filters.json") {
            dataset.filters = try FilterCases.read(folder: path, dataset, isWhole: dataset.rows.count == base.rows)
        }
        return dataset
    }
}

enum PayloadLines {
    /// The first `count` lines, each one JSON object.
    static func read(_ path: String, count: Int) throws -> [Payload] {
        let file = try MappedFile(path)
        let lines = try file.bytes(at: 0, count: file.count).split(
            separator: UInt8(ascii: "\n"), maxSplits: count, omittingEmptySubsequences: true)
        guard lines.count >= count else {
            throw BenchError("\(path): has \(lines.count) payloads for \(count) vectors")
        }
        return try lines.prefix(count).enumerated().map { number, line in
            do {
                let value = try JSONValue(parsing: line)
                guard value.objectValue != nil else { throw BenchError("is not an object") }
                return Payload(validated: Array(line))
            } catch { throw BenchError("\(path): line \(number + 1): \(error)") }
        }
    }
}
