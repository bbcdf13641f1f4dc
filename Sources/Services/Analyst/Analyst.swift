import Foundation
import JSON
import Logging
import OpenAI
import SearchEngine
import Synchronization
import TrendStore

/// What the analyst is made of.
public struct AnalystConfiguration: Sendable {
    public static let mostJobsAtOnce = 16

    public var chat: ChatClient
    public var models: AnalysisModels
    /// Jobs that it works on at the same time, 1…``mostJobsAtOnce``: each has a thread.
    public var jobsAtOnce: Int

    public init(chat: ChatClient, models: AnalysisModels, jobsAtOnce: Int = 1) {
        self.chat = chat
        self.models = models
        self.jobsAtOnce = min(max(jobsAtOnce, 1), Self.mostJobsAtOnce)
    }
}

/// Makes ideas of trends with models of a chat service: a worker of the job queue in the server's own process.
///
/// It claims jobs as any other worker does. Each answer is checked and kept in the job's checkpoint before the next question is
/// asked, so that a restart asks nothing again that was answered; the ideas are committed with the job's completion.
public final class Analyst: Sendable {
    /// The type of the jobs that it does.
    public static let jobType = "analyze_trends"

    package static let worker = "trendex-analyst"
    /// What the message of a job that waits for the next day begins with.
    static let limitMessage = "The analyst's cost limit of the day is reached"
    private static let rest = Duration.seconds(1)
    /// After a failure of the store: the disk may be full.
    private static let restAfterFailure = Duration.seconds(10)
    private static let leaseSeconds = 60.0
    /// A lease that is renewed so often survives two renewals that fail.
    private static let renewal = Duration.seconds(15)
    /// Answers to one question, before the job fails.
    static let mostAnswers = 3

    private let configuration: AnalystConfiguration
    let trends: TrendStore
    private let time: any TimeSource
    let logger: Logger
    private let loops = Mutex<[BackgroundLoop]>([])
    private let isStopping = Atomic(false)
    /// The end of the limit that was told last.
    let toldLimit = Mutex<Timestamp?>(nil)
    private let failures: FailureNotice

    init(_ configuration: AnalystConfiguration, _ trends: TrendStore, logger: Logger) {
        self.configuration = configuration
        self.trends = trends
        self.logger = logger
        time = trends.engine.environment.time
        failures = FailureNotice("The analyst can't work", logger: logger)
    }

    /// What the service has cost today (UTC).
    public var dollarsToday: Double { configuration.chat.spending.dollars }

    /// Goes on with what an earlier run of the process had begun. To be called before leases run out.
    func start() {
        do {
            _ = try trends.writeRows { [self] transaction in
                try transaction.releaseJobs(
                    of: Self.worker, type: Self.jobType, message: "The server ended; the next attempt goes on",
                    at: now)
                // The limit may be another one now.
                try transaction.hastenJobs(of: Self.jobType, messageBeginning: Self.limitMessage, at: now)
            }
        } catch {
            logger.warning("Interrupted analyses wait until their leases run out", metadata: ["error": "\(error)"])
        }
        let loops = (0..<configuration.jobsAtOnce).map { _ in
            BackgroundLoop("trendex-analyst", .background(nice: 10)) { [self] in step() }
        }
        self.loops.withLock { $0 = loops }
        loops.forEach { trends.engine.environment.executor.start($0) }
    }

    /// Breaks questions off that are on their way, and gives their jobs back.
    func stop() {
        beginStop()
        trends.engine.environment.executor.end(loops.withLock { $0 })
    }

    /// The first half of `stop`, which waits for nothing.
    package func beginStop() {
        isStopping.store(true, ordering: .releasing)
        configuration.chat.close()
    }

    var now: Timestamp { Timestamp(time.date) }
    private var stops: Bool { isStopping.load(ordering: .acquiring) }

    // MARK: Jobs

    private func step() -> BackgroundLoop.Next {
        guard !stops else { return .ended }
        // Nothing is claimed that the limit of the day would give back at once.
        if let end = toldLimit.withLock({ $0 }), now < end { return .after(Self.rest) }
        do {
            guard try trends.isJobWaiting(Self.jobType, at: now), let job = try claim() else {
                return .after(Self.rest)
            }
            try work(on: job)
            failures.clear()
            return .again
        } catch {
            guard !stops else { return .ended }
            failures.tell(error)
            return .after(Self.restAfterFailure)
        }
    }

    private func claim() throws -> HeldJob? {
        let claim = TrendTransaction.Claim(
            types: [Self.jobType], worker: Self.worker, leaseSeconds: Self.leaseSeconds)
        let claimed = try trends.writeRows { [self] in try $0.claim(claim, at: now) }
        guard let (job, _) = claimed, let lease = job.lease else { return nil }
        return HeldJob(job: job, lease: lease, renewed: time.now)
    }

    /// A job in the hands of one thread.
    struct HeldJob {
        let job: Job
        let lease: UUID
        var renewed: ContinuousClock.Instant
        /// Whether somebody else has it now, or it was cancelled.
        var isLost = false
    }

    /// Why a job ends without ideas.
    enum Failure: Error {
        case wrongAnswer(AnalysisStep, String)
        case allTrendsGone
    }

    private func work(on held: HeldJob) throws {
        var held = held
        let started = time.now
        do {
            var analysis = try AnalysisState(params: held.job.params, checkpoint: held.job.checkpoint)
            while let question = analysis.next {
                try answer(question, &analysis, &held)
                let report = TrendTransaction.Report(
                    progress: analysis.progress, message: analysis.message, checkpoint: analysis.checkpoint,
                    leaseSeconds: Self.leaseSeconds)
                try self.report(report, &held)
            }
            let ideas = analysis.made(by: held.job.id, at: now)
            guard !ideas.isEmpty else { throw Failure.allTrendsGone }
            let (job, lease) = (held.job.id, held.lease)
            _ = try trends.write { [self, analysis] transaction in
                try transaction.complete(job, lease: lease, ideas: ideas, at: now) { analysis.result($0) }
            }
            logger.info(
                "Trends analyzed",
                metadata: [
                    "event": "trends_analyzed", "job_id": "\(Self.text(job))",
                    "ideas": .stringConvertible(ideas.count), "dollars": .stringConvertible(analysis.dollars),
                    "seconds": .stringConvertible((time.now - started) / .seconds(1)),
                ])
        } catch {
            try end(held, error)
        }
    }

    /// Asks a question until the answer can be used.
    private func answer(
        _ question: AnalysisState.Question, _ analysis: inout AnalysisState, _ held: inout HeldJob
    ) throws {
        let trend = try question.trend.flatMap { try trends.trend($0) }
        if let id = question.trend, trend == nil { return analysis.drop(id) }
        let model = configuration.models[question.step]
        let messages = AnalysisPrompts.messages(question, analysis, trend)
        var corrections: [ChatMessage] = []
        for attempt in 1...Self.mostAnswers {
            var content: String?
            do {
                let answer = try configuration.chat.answer(messages + corrections, model: model) { goesOn(&held) }
                content = answer.content
                analysis.dollars += answer.usage.dollars
                if answer.isCut { throw WrongAnswer("it was cut off, as it has more tokens than an answer may have") }
                try analysis.take(answer.content, to: question, of: model.name)
                return
            } catch {
                guard let reason = Self.wrong(error) else { throw error }
                logger.warning(
                    "A model's answer can't be used",
                    metadata: [
                        "job_id": "\(Self.text(held.job.id))", "step": "\(question.step.rawValue)",
                        "model": "\(model.name)", "attempt": "\(attempt)", "reason": "\(reason)",
                    ])
                guard attempt < Self.mostAnswers else {
                    // One trend that can't be answered for takes no other's answers with it.
                    if let id = question.trend, analysis.hasOthers { return analysis.drop(id) }
                    throw Failure.wrongAnswer(question.step, reason)
                }
                // The latest alone: what is sent stays bounded.
                corrections = AnalysisPrompts.correction(content, reason)
            }
        }
    }

    /// What is wrong with an answer; `nil` for another error.
    private static func wrong(_ error: any Error) -> String? {
        switch error {
        case let error as WrongAnswer: error.reason
        case OpenAIError.malformedAnswer(let reason): reason
        default: nil
        }
    }

    /// Whether a job is still this worker's. Renews its lease when it is time.
    private func goesOn(_ held: inout HeldJob) -> Bool {
        guard !held.isLost, time.now - held.renewed >= Self.renewal else { return !held.isLost }
        do { try report(TrendTransaction.Report(leaseSeconds: Self.leaseSeconds), &held) } catch {
            // What isn't said by the queue may pass: the lease has time for another try.
            held.renewed = time.now
            held.isLost = error is TrendStoreError
        }
        return !held.isLost
    }

    private func report(_ report: TrendTransaction.Report, _ held: inout HeldJob) throws {
        let (job, lease) = (held.job.id, held.lease)
        _ = try trends.writeRows { [self] in try $0.report(report, on: job, lease: lease, at: now) }
        held.renewed = time.now
    }
}
