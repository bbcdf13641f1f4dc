import Logging
import Synchronization

/// Keeps what is logged at INFO and above, or from another level on.
package final class LogRecorder: LogHandler, Sendable {
    package struct Entry: Sendable {
        package var level: Logger.Level
        package var message: String
        /// Each value as text.
        package var metadata: [String: String]
        package var values: Logger.Metadata

        package subscript(name: String) -> String? { metadata[name] }
    }

    private let kept = Mutex<[Entry]>([])

    package let logLevelOfAll: Logger.Level

    package init(_ level: Logger.Level = .info) { logLevelOfAll = level }

    package var entries: [Entry] { kept.withLock { $0 } }
    package var logger: Logger { Logger(label: "test") { _ in self } }

    package func log(event: LogEvent) {
        let metadata = (event.metadata ?? [:]).mapValues { "\($0)" }
        let entry = Entry(
            level: event.level, message: "\(event.message)", metadata: metadata, values: event.metadata ?? [:])
        kept.withLock { $0.append(entry) }
    }

    package var logLevel: Logger.Level {
        get { logLevelOfAll }
        set {}
    }
    package var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    /// Those of an event.
    package func lines(of event: String) -> [Entry] { entries.filter { $0["event"] == event } }

    /// The lines of one message.
    package func entries(_ message: String) -> [Entry] { entries.filter { $0.message == message } }
}
