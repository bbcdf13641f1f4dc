import VectorIndex

extension DenseField {
    package func pin(
        _ target: SearchTarget, _ parameters: SearchParameters, _ settings: CollectionConfiguration
    ) throws -> any PinnedSearch {
        var vector =
            switch target.scoring {
            case .nearest(let value): try value.requireDense()
            }
        try prepare(&vector, self.parameters, normalizing: true)
        let search = DenseSearch(self, vector, excluded: target.excluded.first, parameters, settings)
        if target.isNoted { search.recent = recall.recent }
        return search
    }
}

/// Plans by what is known of the index, and searches in a view of it.
private final class DenseSearch: PinnedSearch {
    private let index: VectorIndex
    private let view: IndexView?
    /// As the index is searched with.
    private let vector: [Float]
    private let excluded: UInt32?
    private let knowledge: RecallKnowledge
    private let fullScanBytes: Int?
    private let mayEstimate: Bool
    /// Where the vector is noted once the search is done; `nil` for one that isn't kept.
    fileprivate var recent: RecentQueries?
    private var candidates: SearchCandidates?
    /// What follows from the plan.
    private var options: SearchOptions?

    init(
        _ field: DenseField, _ vector: [Float], excluded: UInt32?, _ parameters: SearchParameters,
        _ settings: CollectionConfiguration
    ) {
        index = field.index
        view = field.index.view()
        self.vector = vector
        self.excluded = excluded
        knowledge = RecallKnowledge(parameters, query: vector, field, settings)
        let own = settings.parameters(of: field)
        fullScanBytes = own.fullScanBytes(wider: settings.hnsw.fullScanThreshold)
        mayEstimate = (own.quantization ?? settings.quantization) != nil
    }

    func plan(_ query: Query, points: Int, allowed: (words: [UInt64], count: Int)?) -> QueryPlan {
        let candidates = view.map { SearchCandidates($0, allowed: allowed?.words) }
        self.candidates = candidates
        var vector = QueryPlan.VectorFacts(
            index.parameters, view?.counts ?? IndexCounts(published: 0, encoded: nil, linked: nil),
            candidates: candidates?.count ?? 0, isFiltered: allowed != nil,
            candidatesBelow: { candidates?.count(below: $0) ?? 0 })
        vector.excluded = excluded
        vector.fullScanBytes = fullScanBytes
        vector.mayEstimate = mayEstimate
        vector.knowledge = knowledge
        let plan = QueryPlan.decide(
            query, QueryPlan.Facts(points: points, matching: allowed?.count ?? points, vector: vector))
        if let aim = plan.aim { options = plan.options(query, aim, vector) }
        return plan
    }

    func find(_ query: Query, _ plan: QueryPlan, _ limits: SearchLimits) -> FieldHits? {
        guard let steps = plan.search, var options else { return FieldHits() }
        // A scan of all rows isn't begun where scans are limited; what has no codes yet is small.
        if limits.mostScanned < .max, options.exact, plan.points >= VectorIndex.smallestTrainedCount { return nil }
        options.mostScanned = limits.mostScanned
        options.cancelled = limits.cancelled
        options.clock = limits.explained?.clock
        let outcome = vector.withUnsafeBufferPointer { index.search($0, steps, options, among: candidates) }
        guard !outcome.cancelled else { return nil }
        recent?.note(vector)
        var found = FieldHits()
        let metric = index.parameters.metric
        found.slots.reserveCapacity(outcome.hits.count)
        found.scores.reserveCapacity(outcome.hits.count)
        for hit in outcome.hits.dropFirst(query.offset) {
            let score = metric.shown(hit.score)
            if let threshold = query.scoreThreshold, !metric.passes(score, threshold: threshold) { break }
            found.slots.append(hit.slot)
            found.scores.append(score)
        }
        if let times = limits.explained?.times {
            found.explanation = Explanation(plan, outcome, filter: nil, times: times)
        }
        return found
    }
}
