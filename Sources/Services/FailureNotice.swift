import Logging
import Synchronization

/// Tells the log of something that fails again and again: once, until it fails in another way or works again.
final class FailureNotice: Sendable {
    private let message: Logger.Message
    private let logger: Logger
    private let last = Mutex<String?>(nil)

    init(_ message: Logger.Message, logger: Logger) {
        self.message = message
        self.logger = logger
    }

    func tell(_ error: any Error, _ metadata: Logger.Metadata = [:]) {
        let text = "\(error)"
        let isNew = last.withLock { last in
            defer { last = text }
            return last != text
        }
        if isNew { logger.warning(message, metadata: metadata.merging(["error": "\(text)"]) { $1 }) }
    }

    func clear() { last.withLock { $0 = nil } }
}
