import Logging
import Quantization
import VectorIndex

/// Measures the recall of every graph now and then, and keeps what it finds with the vector (``FieldRecall``).
///
/// It works in steps of about a millisecond and never waits, so that its owner decides how much time it takes: the engine's
/// loop for it is ``AuditLoop``.
package struct RecallAuditor {
    package struct Settings: Sendable {
        /// Whether the engine starts a thread for it.
        package var isOn = true
        /// Whether recent queries are kept for samples.
        package var keepsQueries = true
        /// Queries of an audit.
        package var sample = 512
        /// So long no second audit is made for the sake of new queries alone.
        package var interval = Duration.seconds(600)
        /// So many queries noted since the last audit are worth another.
        package var newQueries = RecentQueries.capacity
        /// Growth or shrinkage of the index, as a share, that is worth another.
        package var change = 0.1
        /// Linked points that are looked for again with each audit.
        package var rechecked = 64

        package init() {}

        package static let off = {
            var settings = Settings()
            settings.isOn = false
            return settings
        }()

        /// Whether an audit is due.
        ///
        /// - Parameters:
        ///   - previous: the latest; `nil` before the first.
        ///   - shape: of the index now.
        ///   - noted: recent queries so far.
        func isDue(
            after previous: RecallAudit?, _ shape: IndexShape, noted: Int, now: ContinuousClock.Instant
        ) -> Bool {
            guard let previous else { return true }
            if shape.differs(from: previous.shape, by: change) { return true }
            return noted - previous.recentNoted >= newQueries && now - previous.figures.time >= interval
        }
    }

    /// What a step has done.
    package enum Progress: Sendable, Equatable {
        /// There is nothing to audit.
        case idle
        /// It went on with an audit; whether it is the first of its index.
        case worked(isFirst: Bool)
        /// It gave an audit up: the index has changed meanwhile.
        case gaveUp
        /// It ended one.
        case finished
    }

    /// Results a query of the figures that are told.
    private static let k = 10

    private struct Run {
        let collection: PointCollection
        let field: DenseField
        let shape: IndexShape
        let recentNoted: Int
        let isFirst: Bool
        var measurement: RecallMeasurement
    }

    private let settings: Settings
    private let environment: Environment
    private let logger: Logger
    private var run: Run?
    /// The vector that was looked at last: the next one in order gets its turn.
    private var last = Place(collection: 0, field: 0)

    package init(_ settings: Settings, environment: Environment, logger: Logger) {
        self.settings = settings
        self.environment = environment
        self.logger = logger
    }

    /// The queries that are being measured; none between two audits.
    package var queries: [SampleQuery] { run?.measurement.queries ?? [] }

    /// Does the next piece of the audit at hand, or begins the next one that is due.
    ///
    /// - Parameter collections: called when there is no audit at hand.
    package mutating func step(_ collections: () -> [PointCollection]) -> Progress {
        guard var run else { return begin(collections()) }
        // Not copied while it is changed.
        self.run = nil
        let shape = IndexShape(run.field, generation: run.shape.generation)
        // While an index isn't checked searches scan, and would tell of walks that they find all.
        guard !shape.differs(from: run.shape, by: settings.change), run.field.index.isChecked else {
            return giveUp(run)
        }
        do {
            try run.measurement.advance()
        } catch {
            // The collection was dropped or compacted.
            return giveUp(run)
        }
        guard run.measurement.isDone else {
            self.run = run
            return .worked(isFirst: run.isFirst)
        }
        finish(run)
        return .finished
    }

    private func giveUp(_ run: Run) -> Progress {
        run.field.recall.isBeingMeasured.store(false, ordering: .relaxed)
        return .gaveUp
    }

    // MARK: Choice

    /// The order in which vectors get their turn.
    private struct Place: Comparable {
        let collection: Int64
        let field: Int

        static func < (a: Place, b: Place) -> Bool { (a.collection, a.field) < (b.collection, b.field) }
    }

    private mutating func begin(_ collections: [PointCollection]) -> Progress {
        let ordered = collections.sorted { $0.id < $1.id }
        var places: [(place: Place, collection: PointCollection)] = []
        for collection in ordered where !collection.isDropped {
            let count = collection.lock.read { collection.generation.denseFields.count }
            places += (0..<count).map { (Place(collection: collection.id, field: $0), collection) }
        }
        // Those behind the last one first.
        let next = places.firstIndex { $0.place > last } ?? 0
        for (place, collection) in places[next...] + places[..<next] {
            guard let run = dueRun(collection, place.field) else { continue }
            last = place
            self.run = run
            run.field.recall.isBeingMeasured.store(true, ordering: .relaxed)
            return .worked(isFirst: run.isFirst)
        }
        return .idle
    }

    /// An audit of a vector, if it is due.
    private func dueRun(_ collection: PointCollection, _ number: Int) -> Run? {
        collection.lock.read { () -> Run? in
            // Vectors come and go.
            guard !collection.isDropped, number < collection.generation.denseFields.count else { return nil }
            let field = collection.generation.denseFields[number]
            let index = field.index
            // While points are being linked or looked for, recall isn't what it will be.
            guard index.liveCount > 0, index.reachability.linked > 0, index.pendingCount == 0,
                index.uncheckedCount == 0, index.isChecked
            else { return nil }
            let shape = IndexShape(field, generation: collection.generation.number)
            let noted = field.recall.recent.noted
            let previous = field.recall.audit
            guard settings.isDue(after: previous, shape, noted: noted, now: environment.time.now) else { return nil }
            let measurement = RecallMeasurement(
                collection, field, sample: settings.sample, k: Self.k, SearchParameters(), hasCurves: true, environment)
            return Run(
                collection: collection, field: field, shape: shape, recentNoted: noted, isFirst: previous == nil,
                measurement: measurement)
        }
    }

    // MARK: Result

    private func finish(_ run: Run) {
        let profile = run.measurement.profile
        let figures = run.measurement.figures(profile)
        run.field.recall.audit = RecallAudit(
            figures: figures, profile: profile, shape: run.shape, recentNoted: run.recentNoted)
        run.field.recall.isBeingMeasured.store(false, ordering: .relaxed)
        // Nothing can be told of a collection whose points are all gone.
        if figures.queries > 0 { report(figures, run) }
        recheck(run)
    }

    /// Warns when recall has fallen below the limit, and tells when it is back.
    private func report(_ figures: RecallFigures, _ run: Run) {
        let isLow = figures.recall < RecallAudit.lowRecall
        guard run.field.recall.isLow.exchange(isLow, ordering: .relaxed) != isLow else { return }
        func rounded(_ share: Double) -> String { "\((share * 1000).rounded() / 1000)" }
        let metadata: Logger.Metadata = [
            "collection": "\(run.collection.name)", "vector": "\(run.field.name)",
            "recall": "\(rounded(figures.recall))",
            "bounds": "\(rounded(figures.bounds.lowerBound)) to \(rounded(figures.bounds.upperBound))",
            "queries": "\(figures.queries)",
        ]
        if isLow {
            logger.warning(
                """
                Searches find less than 0.95 of the true nearest points: ask for more with `params.recall` or a larger \
                `hnsw_ef`, or set `hnsw_config.recall` for the collection
                """, metadata: metadata)
        } else {
            logger.info("Searches find at least 0.95 of the true nearest points again", metadata: metadata)
        }
    }

    /// Looks for some linked points by their own vectors.
    private func recheck(_ run: Run) {
        guard settings.rechecked > 0 else { return }
        var random = RandomSource(seed: environment.seeds.next())
        let (looked, missed) = run.field.index.recheck(settings.rechecked, using: &random)
        guard missed > 0 else { return }
        logger.info(
            "Some linked points were not found by their own vectors; all are looked for again, and mended",
            metadata: [
                "collection": "\(run.collection.name)", "vector": "\(run.field.name)", "looked": "\(looked)",
                "missed": "\(missed)",
            ])
        // The indexer looks for the others.
        run.collection.onChange.withLock { $0 }?()
    }
}
