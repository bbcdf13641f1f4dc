import Foundation
import JSON
import Logging
import SearchEngine

/// Turns the sources' values into a configuration, and gathers every problem on the way.
struct ConfigurationReader {
    let values: [String: JSONValue]
    private(set) var warnings: [String] = []
    private(set) var problems: [String] = []

    init(_ sources: ConfigurationSources) { values = sources.values }

    /// Throws `ConfigurationError` with all problems.
    mutating func read() throws -> ServerConfiguration {
        checkKeys()
        var configuration = ServerConfiguration()
        readService(into: &configuration)
        readStorage(into: &configuration)
        readDefaults(into: &configuration.collectionDefaults)
        if !problems.isEmpty { throw ConfigurationError(problems: problems.sorted()) }
        return configuration
    }

    private mutating func checkKeys() {
        for (key, value) in values.sorted(by: { $0.key < $1.key }) {
            switch ConfigurationKeys.all[key] {
            case .used, .section: break
            case .withoutEffect(let ordinary):
                if !ordinary.contains(where: { Self.isEqual($0, value) }) {
                    warnings.append("`\(key)` has no effect here.")
                }
            case .refused(let allowed, let reason):
                if !allowed.contains(where: { Self.isEqual($0, value) }) {
                    problems.append("`\(key)` = \(value): \(reason).")
                }
            case nil: checkUnknown(key, value)
            }
        }
    }

    private mutating func checkUnknown(_ key: String, _ value: JSONValue) {
        // A section's own members, or a section that the file leaves empty.
        var section = Substring(key)
        while let dot = section.lastIndex(of: ".") {
            section = section[..<dot]
            switch ConfigurationKeys.all[String(section)] {
            case .section: return
            case .refused(_, let reason):
                problems.append("`\(key)` = \(value): \(reason).")
                return
            default: break
            }
        }
        if ConfigurationKeys.all.keys.contains(where: { $0.hasPrefix(key + ".") }) {
            if !value.isNull { problem(key, "must be a mapping of keys to values") }
            return
        }
        let hint = ConfigurationKeys.nearest(to: key).map { " Did you mean `\($0)`?" } ?? ""
        warnings.append("Unknown configuration key `\(key)` is ignored.\(hint)")
    }

    /// Environment variables are texts, whatever they mean.
    private static func isEqual(_ expected: JSONValue, _ value: JSONValue) -> Bool {
        if expected == value { return true }
        guard case .string(let text) = value else { return false }
        return text.lowercased() == (expected.stringValue ?? expected.description).lowercased()
    }

    // MARK: Sections

    private mutating func readService(into configuration: inout ServerConfiguration) {
        if let host = string("service.host") {
            if host.isEmpty { problem("service.host", "must not be empty") }
            configuration.host = host
        }
        configuration.port = integer("service.http_port", in: 0...65_535) ?? configuration.port
        configuration.apiKey = string("service.api_key")
        configuration.alternativeAPIKey = string("service.alt_api_key")
        configuration.readOnlyAPIKey = string("service.read_only_api_key")
        configuration.cors = readCORS()
        configuration.tokens = readTokens()
        configuration.embedder = readEmbedder()
        configuration.analyst = readAnalyst()
        configuration.openAILimit = readOpenAILimit()
        configuration.rateLimits = readRateLimits()
        if let megabytes = integer("service.max_request_size_mb", in: 1...(1 << 20)) {
            configuration.maxRequestBytes = megabytes << 20
        }
        if let prefix = string("service.metrics_prefix") {
            let isValid = prefix.utf8.allSatisfy { byte in
                byte == UInt8(ascii: "_") || (byte < 0x80 && Character(Unicode.Scalar(byte)).isLetter)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            }
            if !isValid { problem("service.metrics_prefix", "may have ASCII letters, digits and `_` only") }
            configuration.metricsPrefix = prefix
        }
        let workers = integer("service.max_workers", in: 0...4096)
        let searchThreads = integer("storage.performance.max_search_threads", in: 0...4096)
        let threads = [workers, searchThreads].compactMap { $0 }.first { $0 > 0 }
        configuration.computeThreads = threads ?? ProcessorCount.available
        configuration.requestMemoryBytes =
            integer("trendex.request_memory_mb", in: 1...(1 << 24)).map { $0 << 20 } ?? MachineMemory.available / 8
        configuration.replyMemoryBytes =
            integer("trendex.reply_memory_mb", in: 1...(1 << 24)).map { $0 << 20 } ?? MachineMemory.available / 8
        configuration.engine.writeQueueBytes =
            integer("trendex.write_queue_mb", in: 1...(1 << 24)).map { $0 << 20 } ?? MachineMemory.available / 16
        configuration.maxConnections = integer("trendex.max_connections", in: 1...(1 << 20))
        configuration.maxEventStreams = integer("trendex.max_event_streams", in: 1...(1 << 20))
        configuration.idleTimeoutSeconds =
            integer("trendex.idle_timeout_sec", in: 1...86_400) ?? configuration.idleTimeoutSeconds
        configuration.shutdownTimeoutSeconds =
            integer("trendex.shutdown_timeout_sec", in: 1...86_400) ?? configuration.shutdownTimeoutSeconds
        if let milliseconds = integer("trendex.slow_request_ms", in: 0...86_400_000) {
            configuration.slowRequestThreshold = milliseconds == 0 ? nil : .milliseconds(milliseconds)
        } else if let seconds = double("service.slow_query_secs", in: 0...86_400) {
            configuration.slowRequestThreshold = seconds == 0 ? nil : .seconds(seconds)
        }
        configuration.logLevel = logLevel() ?? configuration.logLevel
        configuration.logFormat =
            choice("logger.format", ServerConfiguration.LogFormat.allCases) ?? configuration.logFormat
        _ = bool("telemetry_disabled")
    }

    /// The first word of Qdrant's filter, such as `debug` in `debug,raft=info`.
    private mutating func logLevel() -> Logger.Level? {
        guard let text = string("log_level") else { return nil }
        let word = text.lowercased().split(separator: ",").first.map { $0.filter { $0 != " " } } ?? ""
        switch word {
        case "trace": return .trace
        case "debug": return .debug
        case "info": return .info
        case "warn", "warning": return .warning
        case "error": return .error
        case "off": return .critical
        default:
            problem("log_level", "must be one of TRACE, DEBUG, INFO, WARN, ERROR, OFF")
            return nil
        }
    }

    private mutating func readStorage(into configuration: inout ServerConfiguration) {
        for (key, path) in [
            ("storage.storage_path", \EngineConfiguration.storagePath),
            ("storage.snapshots_path", \EngineConfiguration.snapshotsPath),
        ] {
            guard let text = string(key) else { continue }
            if text.isEmpty { problem(key, "must not be empty") }
            configuration.engine[keyPath: path] = text
        }
        let durabilities: [EngineConfiguration.Durability] = [.full, .normal]
        configuration.engine.durability =
            choice("trendex.durability", durabilities) ?? choice("storage.durability", durabilities) ?? .full
        configuration.engine.maxCollections = integer("storage.max_collections", in: 0...(1 << 31))
        configuration.engine.measuresRecall = bool("trendex.recall_audit") ?? true
        if let megabytes = integer("trendex.implicit_index_budget_mb", in: 0...(1 << 24)) {
            configuration.engine.implicitIndexBudgetBytes = megabytes << 20
        }
        if let budget = integer("storage.performance.optimizer_cpu_budget", in: -4096...4096) {
            // Negative: so many cores less than there are.
            configuration.engine.indexingThreads = budget >= 0 ? budget : max(1, ProcessorCount.available + budget)
        }
    }

    // MARK: Values

    mutating func problem(_ key: String, _ requirement: String) {
        let shown = ConfigurationKeys.secrets.contains(key) ? "" : values[key].map { " = \($0)" } ?? ""
        problems.append("`\(key)`\(shown): it \(requirement).")
    }

    func string(_ key: String) -> String? {
        switch values[key] {
        case nil, .null: nil
        case .string(let text): text
        case .some(let value): value.description
        }
    }

    /// A mapping or a list; from an environment variable as JSON.
    func tree(_ key: String) -> JSONValue? {
        guard let value = values[key], !value.isNull else { return nil }
        return value.stringValue.flatMap { try? JSONValue(parsing: Array($0.utf8)) } ?? value
    }

    mutating func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let value = values[key], !value.isNull else { return nil }
        let number = value.integerValue.map { Int($0) } ?? value.stringValue.flatMap { Int($0) }
        guard let number, range.contains(number) else {
            problem(key, "must be an integer from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    mutating func double(_ key: String, in range: ClosedRange<Double>) -> Double? {
        guard let value = values[key], !value.isNull else { return nil }
        guard let number = value.doubleValue ?? value.stringValue.flatMap({ Double($0) }), range.contains(number)
        else {
            problem(key, "must be a number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    mutating func bool(_ key: String) -> Bool? {
        guard let value = values[key], !value.isNull else { return nil }
        switch value.boolValue.map({ "\($0)" }) ?? value.stringValue?.lowercased() {
        case "true", "1", "yes", "on": return true
        case "false", "0", "no", "off": return false
        default:
            problem(key, "must be true or false")
            return nil
        }
    }

    /// A list of texts, or a text with commas between, as in an environment variable.
    mutating func list(_ key: String) -> [String]? {
        guard let value = values[key], !value.isNull else { return nil }
        if let text = value.stringValue {
            return text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        }
        guard let texts = value.arrayValue?.map(\.stringValue), !texts.contains(nil) else {
            problem(key, "must be a list of texts, or one with commas between them")
            return nil
        }
        return texts.compactMap { $0 }
    }

    private mutating func choice<Value: RawRepresentable<String>>(_ key: String, _ all: [Value]) -> Value? {
        guard let text = string(key) else { return nil }
        guard let value = Value(rawValue: text.lowercased()) else {
            problem(key, "must be one of \(all.map(\.rawValue).joined(separator: ", "))")
            return nil
        }
        return value
    }
}
