import Foundation
import JSON
import Yams

/// Where a configuration comes from, later ones over earlier ones: `config/config.yaml`, `config/<RUN_MODE>.yaml`
/// (`development` unless set), `config/local.yaml`, the file named by `--config-path`, and the environment.
struct ConfigurationSources {
    /// Values by their path with dots: `service.http_port`.
    private(set) var values: [String: JSONValue] = [:]

    /// Throws `ConfigurationError` for a file that is not there or no YAML.
    init(configPath: String?, environment: [String: String], folder: String = ".") throws {
        let mode = environment["RUN_MODE"] ?? "development"
        for name in ["config", mode, "local"] {
            try readFile("\(folder)/config/\(name)", isRequired: false)
        }
        if let configPath { try readFile(configPath, isRequired: true) }
        readEnvironment(environment)
    }

    init(yaml: String, environment: [String: String] = [:]) throws {
        try readYAML(yaml, name: "the configuration")
        readEnvironment(environment)
    }

    /// The name is tried as it is, and with the usual extensions.
    private mutating func readFile(_ path: String, isRequired: Bool) throws {
        for candidate in [path, path + ".yaml", path + ".yml"] {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: candidate, isDirectory: &isFolder), !isFolder.boolValue
            else { continue }
            guard let text = try? String(contentsOfFile: candidate, encoding: .utf8) else {
                throw ConfigurationError(problems: ["The configuration file \(candidate) can't be read as UTF-8."])
            }
            return try readYAML(text, name: candidate)
        }
        guard !isRequired else {
            throw ConfigurationError(problems: ["The configuration file \(path) does not exist."])
        }
    }

    private mutating func readYAML(_ text: String, name: String) throws {
        let tree: Any?
        do {
            tree = try Yams.load(yaml: text)
        } catch {
            throw ConfigurationError(problems: ["\(name) is no valid YAML: \(error)"])
        }
        guard let tree, !(tree is NSNull) else { return }
        guard let members = tree as? [AnyHashable: Any] else {
            throw ConfigurationError(problems: ["\(name) must be a YAML mapping."])
        }
        flatten(members, path: "")
    }

    private mutating func flatten(_ members: [AnyHashable: Any], path: String) {
        for (key, value) in members {
            let keyPath = path.isEmpty ? "\(key)" : "\(path).\(key)"
            if let members = value as? [AnyHashable: Any], !ConfigurationKeys.trees.contains(keyPath) {
                flatten(members, path: keyPath)
            } else {
                values[keyPath] = Self.value(value)
            }
        }
    }

    private static func value(_ value: Any) -> JSONValue {
        switch value {
        case let value as Bool: .bool(value)
        case let value as Int: .integer(Int64(value))
        case let value as Double: .double(value)
        case let value as String: .string(value)
        case let value as [Any]: .array(value.map(Self.value))
        case let value as [AnyHashable: Any]:
            .object(JSONObject(value.map { (ByteString("\($0.key)"), Self.value($0.value)) }, uniquingKeysWith: { $1 }))
        default: .null
        }
    }

    /// `QDRANT__SERVICE__HTTP_PORT=6333` is `service.http_port`, `TRENDEX__DURABILITY=normal` is `trendex.durability`.
    private mutating func readEnvironment(_ environment: [String: String]) {
        for (name, text) in environment.sorted(by: { $0.key < $1.key }) {
            let parts = name.lowercased().components(separatedBy: "__")
            guard parts.count > 1, parts[0] == "qdrant" || parts[0] == "trendex" else { continue }
            let path = parts[0] == "qdrant" ? parts.dropFirst() : parts[...]
            // The reader turns texts into what a key asks for.
            values[path.joined(separator: ".")] = text.isEmpty ? .null : .string(text)
        }
    }
}
