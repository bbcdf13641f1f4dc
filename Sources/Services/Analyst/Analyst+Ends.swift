import Foundation
import Logging
import OpenAI
import Synchronization
import TrendStore

/// How jobs end that make no ideas now.
extension Analyst {
    /// A service that asks for a longer pause postpones the job; shorter ones the client has waited for already.
    private static let longPause = Duration.seconds(30)
    private static let longestPause = Duration.seconds(86_400)

    private enum End {
        /// It is somebody else's, or nobody's.
        case lost
        /// - Parameter cause: for the log alone.
        case postponed(until: Timestamp, message: String, cause: String? = nil)
        case failed(error: String, isFinal: Bool)
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
            case .failed(let error, let isFinal):
                _ = try trends.writeRows { [self] in
                    try $0.fail(job, lease: lease, error: error, isFinal: isFinal, at: now)
                }
                tell("An analysis failed", of: job, error)
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
                until: until, message: "The analyst's cost limit of the day is reached; the job goes on at \(until)")
        case OpenAIError.unavailable(let reason, let wait?) where wait > Self.longPause:
            let until = now.adding(seconds: min(wait, Self.longestPause) / .seconds(1))
            return .postponed(
                until: until, message: "The service is unavailable; the job goes on at \(until), and the log says why",
                cause: reason)
        case Failure.wrongAnswer(let step, let reason):
            return .failed(
                error:
                    "The model's answers in the step \(step.rawValue) can't be used; the last of \(Self.mostAnswers): \(reason)",
                isFinal: true)
        case Failure.allTrendsGone: return .failed(error: "None of the job's trends is there any more", isFinal: true)
        case let error as ServiceError: return .failed(error: error.message, isFinal: true)
        case OpenAIError.refused(let status, let reason):
            logger.warning("The chat service refused a request", metadata: ["reason": "\(reason)"])
            return .failed(error: Self.refusal(status), isFinal: false)
        case OpenAIError.unavailable(let reason, _):
            logger.warning("The chat service is unavailable", metadata: ["reason": "\(reason)"])
            return .failed(error: "The chat service is unavailable; the log says why", isFinal: false)
        default: return .failed(error: "\(error)", isFinal: false)
        }
    }

    /// The service's own words may have parts of its key, and jobs are read by many.
    private static func refusal(_ status: Int) -> String {
        "The chat service refused the request with status \(status); the log says why"
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

extension Timestamp {
    fileprivate var roundedToSeconds: Timestamp {
        Timestamp(microseconds: Int64((Double(microseconds) / 1_000_000).rounded()) * 1_000_000)
    }
}
