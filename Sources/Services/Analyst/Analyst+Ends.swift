import Foundation
import Logging
import OpenAI
import Synchronization
import TrendStore

/// How jobs end that make no ideas now.
extension Analyst {
    private enum End {
        /// It is somebody else's, or nobody's.
        case lost
        /// - Parameter cause: for the log alone.
        case postponed(until: Timestamp, message: String, cause: String? = nil)
        case failed(error: String, isFinal: Bool, cause: String? = nil)
    }

    /// Tells the queue why a job in hand ends without ideas.
    func end(_ held: HeldJob, _ error: any Error) throws {
        let end = held.isLost ? End.lost : self.end(of: error)
        let (job, lease) = (held.job.id, held.lease)
        do {
            switch end {
            case .lost: return
            case .postponed(let time, let message, let cause):
                if let cause { tell("An analysis waits", of: job, cause) }
                _ = try trends.writeRows { [self] in
                    try $0.postpone(job, lease: lease, until: time, message: message, at: now)
                }
            case .failed(let error, let isFinal, let cause):
                _ = try trends.writeRows { [self] in
                    try $0.fail(job, lease: lease, error: error, isFinal: isFinal, at: now)
                }
                tell("An analysis failed", of: job, cause ?? error)
            }
        } catch is TrendStoreError {
            // The lease is somebody else's by now.
        }
    }

    private func end(of error: any Error) -> End {
        switch error {
        case OpenAIError.closed:
            return .postponed(until: now, message: "The server stopped; the next attempt goes on")
        case OpenAIError.cancelled: return .lost
        case OpenAIError.costLimit(let wait):
            // The wait was reckoned a moment ago, to the end of the day.
            let until = now.adding(seconds: wait / .seconds(1)).roundedToSeconds
            tellOfLimit(until)
            return .postponed(
                until: until, message: "\(Self.limitMessage); the job goes on at \(until)")
        case let error as OpenAIError where error.longWait != nil:
            let until = now.adding(seconds: (error.longWait ?? .zero) / .seconds(1))
            return .postponed(
                until: until, message: "\(error.forReaders); the job goes on at \(until)", cause: "\(error)")
        case Failure.wrongAnswer(let step, let reason):
            return .failed(
                error:
                    "The model's answers in the step \(step.rawValue) can't be used; the last of \(Self.mostAnswers): \(reason)",
                isFinal: true)
        case Failure.allTrendsGone: return .failed(error: "None of the job's trends is there any more", isFinal: true)
        case let error as ServiceError: return .failed(error: error.message, isFinal: true)
        case let error as OpenAIError:
            return .failed(error: error.forReaders, isFinal: false, cause: "\(error)")
        default: return .failed(error: "\(error)", isFinal: false)
        }
    }

    private func tell(_ message: Logger.Message, of job: UUID, _ error: String) {
        logger.warning(message, metadata: ["job_id": "\(Self.text(job))", "error": "\(error)"])
    }

    /// Once for each day.
    private func tellOfLimit(_ end: Timestamp) {
        let isNew = toldLimit.withLock { told in
            defer { told = end }
            return told != end
        }
        guard isNew else { return }
        logger.warning(
            "The analyst's cost limit of the day is reached; its jobs wait",
            metadata: [
                "event": "analyst_cost_limit", "until": "\(end)", "dollars": .stringConvertible(dollarsToday),
            ])
    }

    static func text(_ id: UUID) -> String { id.uuidString.lowercased() }
}

extension OpenAIError {
    /// How long the service asks to wait, if that is long: for shorter pauses the client has waited already. At most a day.
    fileprivate var longWait: Duration? {
        guard case .unavailable(_, let wait?) = self, wait > .seconds(30) else { return nil }
        return min(wait, .seconds(86_400))
    }
}

extension Timestamp {
    fileprivate var roundedToSeconds: Timestamp {
        Timestamp(microseconds: Int64((Double(microseconds) / 1_000_000).rounded()) * 1_000_000)
    }
}
