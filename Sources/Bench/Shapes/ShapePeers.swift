import Foundation
import JSON

/// The libraries that `shape_peers.py` asks about the same shapes: hnswlib and Faiss.
struct ShapePeers {
    /// The interpreter that has them.
    let python: String
    let script: String
    let m: Int
    let threads: Int
    /// Candidates considered when a row is linked: one index of each library for each.
    let efConstructs = [100, 200]

    /// The ids that each peer answered with, by its name and by place in `widths`; each queries × k, padded with −1.
    ///
    /// - Throws: `BenchError` when the script fails or writes something else.
    func answers(
        _ shape: Shape, _ data: ShapeData, widths: [Int], seed: UInt64
    ) throws -> [(name: String, ids: [[Int64]])] {
        try TemporaryFolder.use { folder in
            try write(shape, data, widths: widths, seed: seed, to: folder)
            try run(folder)
            let prefix = "ids-"
            let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix(prefix) }
            return try files.sorted().map { file in
                let matrix = try NpyFile.open("\(folder)/\(file)")
                let rows = data.queries.count
                guard matrix.rows == widths.count * rows, matrix.columns == shape.k else {
                    throw BenchError(
                        "\(script): \(file) is \(matrix.rows) × \(matrix.columns), not \(widths.count * rows) × \(shape.k)"
                    )
                }
                let ids = try widths.indices.map { place in
                    try (place * rows..<(place + 1) * rows).flatMap { try matrix.integers($0).map { Int64($0) } }
                }
                return (String(file.dropFirst(prefix.count).dropLast(".npy".count)), ids)
            }
        }
    }

    /// Writes `task.json`, `base.npy`, `queries.npy`, and a file of row numbers for each removal and each filter.
    private func write(
        _ shape: Shape, _ data: ShapeData, widths: [Int], seed: UInt64, to folder: String
    ) throws {
        try NpyFile.write(data.base, to: folder + "/base.npy")
        try NpyFile.write(data.queries, to: folder + "/queries.npy")
        func write(_ rows: [Int], as name: String) throws -> JSONValue {
            try NpyFile.write(rows.map { Int64($0) }, shape: [rows.count], to: "\(folder)/\(name)")
            return .string(name)
        }
        var task: JSONValue = [
            "metric": .string("\(shape.metric)"), "k": JSONValue(shape.k), "m": JSONValue(m),
            "efConstructs": .array(efConstructs.map { JSONValue($0) }), "widths": .array(widths.map { JSONValue($0) }),
            "threads": JSONValue(threads), "seed": JSONValue(seed),
        ]
        task["element"] = .string("\(shape.element)")
        task["quantile"] = shape.quantile.map { .double(Double($0)) } ?? .null
        task["steps"] = .array(
            try data.steps.enumerated().map { number, step in
                switch step {
                case .publish(let end): ["publish": JSONValue(end)]
                case .remove(let rows): ["remove": try write(rows, as: "removed-\(number).npy")]
                }
            })
        if let filter = data.filter {
            task["filters"] = .array(
                try filter.sets.enumerated().map { try write($1.rows, as: "allowed-\($0).npy") })
            task["filterOfQuery"] = .array(filter.setOfQuery.map { JSONValue($0) })
        }
        try task.write(to: folder + "/task.json")
    }

    private func run(_ folder: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [python, script, folder]
        process.standardInput = FileHandle.nullDevice
        // What the script prints must not get into our table.
        process.standardOutput = FileHandle.standardError
        do { try process.run() } catch { throw BenchError("\(python): \(error.localizedDescription)") }
        process.waitUntilExit()
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw BenchError("\(python) \(script): ended with status \(process.terminationStatus)")
        }
    }
}
