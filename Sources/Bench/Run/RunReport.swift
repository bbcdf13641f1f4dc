import JSON

/// What a run found: one JSON object, and the same as a page for people.
struct RunReport {
    var json: JSONValue
    private let title: String
    private var sections: [String] = []

    init(dataset: Dataset) {
        json = [
            "dataset": [
                "name": .string(dataset.name), "rows": JSONValue(dataset.rows.count),
                "dimensions": JSONValue(dataset.rows.dimensions), "queries": JSONValue(dataset.queries.count),
                "metric": .string("\(dataset.metric)"),
            ]
        ]
        title = "\(dataset.name): \(grouped(Double(dataset.rows.count))) × \(dataset.rows.dimensions)"
    }

    mutating func add(_ heading: String, _ text: String) {
        sections.append("## \(heading)\n\n\(text)\n")
        note("\n\(text)\n")
    }

    var markdown: String {
        let machine = json["machine"]
        let memory = Double(machine?["memoryBytes"]?.integerValue ?? 0) / 1e9
        let line =
            "\(machine?["cpu"]?.stringValue ?? "?"), \(machine?["cores"]?.integerValue ?? 0) cores, "
            + "\(fixed(memory, 1)) GB, kernels \(machine?["simdLevel"]?.stringValue ?? "?"), "
            + "Linux \(machine?["kernel"]?.stringValue ?? "?"); seed \(json["seed"]?.description ?? "?")"
        return "# \(title)\n\n\(line)\n\nFlags: `\(json["flags"]?.description ?? "")`\n\n"
            + sections.joined(separator: "\n")
    }
}
