import Foundation
import JSON
import SearchEngine

/// Reads `filters.json` and the true neighbours under each filter.
enum FilterCases {
    static func read(folder: String, _ dataset: Dataset, isWhole: Bool) throws -> [Dataset.FilterCase] {
        let path = folder + "/filters.json"
        guard !dataset.payloads.isEmpty else { throw BenchError("\(path): needs a payload.jsonl beside it") }
        let file = try MappedFile(path)
        guard let entries = try JSONValue(parsing: file.bytes(at: 0, count: file.count)).arrayValue else {
            throw BenchError("\(path): is not an array")
        }
        let payloads = dataset.payloads.map(\.value)
        return try entries.map { entry in
            guard let name = entry["name"]?.stringValue, let kind = entry["kind"]?.stringValue,
                let selectivity = entry["selectivity"]?.doubleValue,
                let json = entry["filters"]?.arrayValue ?? entry["filter"].map({ [$0] }),
                json.count == 1 || json.count >= dataset.queries.count
            else { throw BenchError("\(path): a filter needs name, kind, selectivity and filter or filters") }
            let filters = try json.map(FilterReader.filter)
            let matches: @Sendable (Int, Int) -> Bool = { query, row in
                FilterEvaluator.matches(filters.count == 1 ? filters[0] : filters[query], payloads[row])
            }
            let truth = folder + "/gt100_\(name)_ids.npy"
            var neighbours: (Int) throws -> [Int]
            if isWhole, FileManager.default.fileExists(atPath: truth) {
                let matrix = try MappedMatrix.open(truth)
                guard matrix.rows >= dataset.queries.count, matrix.columns >= dataset.judge.k else {
                    throw BenchError("\(truth): too few true neighbours")
                }
                neighbours = matrix.integers
            } else {
                // A filter that is the same for all queries is evaluated once a row.
                let allowed = filters.count == 1 ? payloads.map { FilterEvaluator.matches(filters[0], $0) } : []
                let best = try ExactScore.best(
                    dataset.judge.k, rows: dataset.rows, queries: dataset.queries, metric: dataset.metric,
                    label: "true neighbours under \(name)"
                ) { query, row in allowed.isEmpty ? matches(query, row) : allowed[row] }
                neighbours = { best[$0].map(\.row) }
            }
            return Dataset.FilterCase(
                name: name, kind: kind, selectivity: selectivity, json: json, filters: filters,
                judge: try Judge(
                    rows: dataset.rows, queries: dataset.queries, metric: dataset.metric, k: dataset.judge.k,
                    neighbours: neighbours, matches: matches))
        }
    }
}
