import JSON
import Logging

/// A line of the log as one JSON object, without its newline: `timestamp`, `level`, `message`, `target`, then the metadata by name.
///
/// Numbers and truth values stay what they are if they were given as such (`.stringConvertible(5)`); lists and dictionaries become
/// arrays and objects. Whatever is in a text is escaped, so that no text can end the line or begin another member. Metadata
/// with the name of a member that every line has gets an underscore before it.
package func jsonLogLine(
    _ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata, label: String, time: String
) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
        writer.key("timestamp")
        writer.write(time)
        writer.key("level")
        writer.write(level.rawValue.uppercased())
        writer.key("message")
        writer.write(message)
        writer.key("target")
        writer.write(label)
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            writer.key(["timestamp", "level", "message", "target"].contains(key) ? "_" + key : key)
            writer.write(value)
        }
    }
    return writer.bytes
}

extension JSONWriter {
    fileprivate mutating func write(_ value: Logger.MetadataValue) {
        switch value {
        case .string(let text): write(text)
        case .stringConvertible(let number as any BinaryInteger): write(JSONValue(number))
        case .stringConvertible(let number as any BinaryFloatingPoint): write(JSONValue(Double(number)))
        case .stringConvertible(let value as Bool): write(value)
        case .stringConvertible(let other): write(other.description)
        case .array(let values): array { writer in for value in values { writer.write(value) } }
        case .dictionary(let members):
            object { writer in
                for (key, value) in members.sorted(by: { $0.key < $1.key }) {
                    writer.key(key)
                    writer.write(value)
                }
            }
        }
    }
}
