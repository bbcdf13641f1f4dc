import Services

/// Writes metrics in Prometheus' text format, version 0.0.4.
struct PrometheusText {
    enum Kind: String {
        case counter, gauge, histogram
    }

    private(set) var text = ""
    let prefix: String

    init(prefix: String = "") { self.prefix = prefix }

    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(prefix)\(name) \(help)\n# TYPE \(prefix)\(name) \(kind.rawValue)\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: some CustomStringConvertible) {
        text += prefix + name
        if !labels.isEmpty {
            let list = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }
            text += "{\(list.joined(separator: ","))}"
        }
        text += " \(value)\n"
    }

    /// A family of one sample without labels.
    mutating func metric(_ name: String, _ kind: Kind, _ help: String, _ value: some CustomStringConvertible) {
        family(name, kind, help)
        sample(name, [], value)
    }

    /// The samples of a histogram.
    mutating func histogram(_ name: String, _ labels: [(String, String)], _ durations: DurationHistogram) {
        var sum = 0
        for (bound, count) in zip(durations.bounds, durations.buckets) {
            sum += count
            sample("\(name)_bucket", labels + [("le", "\(bound)")], sum)
        }
        sample("\(name)_bucket", labels + [("le", "+Inf")], durations.count)
        sample("\(name)_sum", labels, durations.total.seconds)
        sample("\(name)_count", labels, durations.count)
    }

    private static func escaped(_ value: String) -> String {
        var result = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
