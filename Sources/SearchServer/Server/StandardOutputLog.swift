import Foundation
import Logging

/// Writes log lines to standard output (``LogOutput``), as text or as one JSON object a line.
public struct StandardOutputLog: LogHandler {
    public var logLevel: Logger.Level
    public var metadata: Logger.Metadata = [:]
    private let label: String
    private let format: ServerConfiguration.LogFormat

    public init(label: String, level: Logger.Level, format: ServerConfiguration.LogFormat) {
        self.label = label
        self.format = format
        logLevel = level
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var merged = metadata
        for (key, value) in event.metadata ?? [:] { merged[key] = value }
        let time = Date().formatted(.iso8601WithFractionalSeconds)
        var line: [UInt8]
        switch format {
        case .text:
            let details = merged.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
            // A message must not pretend to be several lines.
            let text = "\(time) \(event.level.rawValue.uppercased()) \(event.message)\(details)"
            line = Array(text.split(whereSeparator: \.isNewline).joined(separator: " ").utf8)
        case .json:
            line = jsonLogLine(event.level, event.message.description, merged, label: label, time: time)
        }
        line.append(UInt8(ascii: "\n"))
        LogOutput.standard.write(line)
    }
}

extension FormatStyle where Self == Date.ISO8601FormatStyle {
    fileprivate static var iso8601WithFractionalSeconds: Self {
        Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    }
}
