import Quantization
import Synchronization

extension VectorIndex {
    /// What there is to be searched now; `nil` for an index without rows. It stays as it is while it is held: what is published
    /// or removed later isn't in it. Any thread.
    ///
    /// - Complexity: O(1). While a view is held, a change of the index copies a bit for each slot, once.
    public func view() -> IndexView? { state.withLock { IndexView($0) } }

    /// How a search will be done. Without any lock; any number of threads.
    ///
    /// It follows from the exact number of slots that may be returned: few are scanned, many are found by walking the graph.
    ///
    /// - Complexity: O(slots / 64).
    public func plan(_ options: SearchOptions, among candidates: SearchCandidates?) -> SearchPlan {
        candidates.map { SearchPlan(parameters, options, $0) } ?? .empty
    }

    /// Finds the k best of the candidates by a plan made for them. Without any lock; any number of threads.
    ///
    /// A walk that finds too few or costs too much is followed by a scan. So k hits come back whenever there are k
    /// candidates, and a slot is found from its publication on (``SearchOptions/indexedOnly`` waives both for the tail).
    ///
    /// - Parameters:
    ///   - query: `dimensions` elements; normalised by the caller where the metric is cosine.
    ///   - candidates: of a view of this index.
    /// - Precondition: the query has `dimensions` elements.
    /// - Complexity: with a graph about `ef · m` scores of codes; without, one for each candidate.
    public func search(
        _ query: UnsafeBufferPointer<Float>, _ plan: SearchPlan, _ options: SearchOptions,
        among candidates: SearchCandidates?
    ) -> SearchOutcome {
        precondition(query.count == parameters.dimensions, "a query of \(query.count) elements")
        guard let base = query.baseAddress, let candidates, plan.method != .empty else {
            return SearchOutcome(timings: options.clock == nil ? nil : SearchTimings())
        }
        return ScratchPool.with { scratch in
            // Kernels get plain pointers into all of it; a retraining may have let go of the codes meanwhile.
            withExtendedLifetime(candidates) {
                scratch.hidden = options.hidesExcluded ? options.excluded ?? Graph.sentinel : Graph.sentinel
                defer { scratch.hidden = Graph.sentinel }
                var run = SearchRun(parameters, base, plan, options, candidates, scratch: scratch)
                let outcome = run.outcome()
                guard let wider = wider(plan, options, outcome, candidates) else { return outcome }
                var wideOptions = options
                wideOptions.ef = nil
                var wideRun = SearchRun(parameters, base, wider, wideOptions, candidates, scratch: scratch)
                return wideRun.outcome().after(outcome)
            }
        }
    }

    /// The plan of another search where a narrow walk has found less than it should.
    private func wider(
        _ plan: SearchPlan, _ options: SearchOptions, _ outcome: SearchOutcome, _ candidates: SearchCandidates
    ) -> SearchPlan? {
        guard let least = options.leastScore, options.rescore, !outcome.cancelled, !outcome.method.isScan,
            let ef = plan.ef, least.rank > 0
        else { return nil }
        // Where fewer are found than asked for, all that there is was found.
        guard outcome.hits.count >= least.rank, !(outcome.hits[least.rank - 1].score >= least.score) else { return nil }
        var options = options
        options.ef = nil
        let wider = SearchPlan(parameters, options, candidates)
        return wider.ef.map { $0 > ef } ?? true ? wider : nil
    }

    /// Plan and search in one, in a view of its own: the k best live slots that `allowed` has, all where it is `nil`.
    public func search(
        _ query: UnsafeBufferPointer<Float>, _ options: SearchOptions, allowed: SlotBitmap?
    ) -> SearchOutcome {
        let candidates = view().map { SearchCandidates($0, allowed: allowed) }
        return search(query, plan(options, among: candidates), options, among: candidates)
    }
}

/// What a search sees of an index: everything is either constant or only appended to while it is held.
public struct IndexView: @unchecked Sendable {
    // Unchecked: nobody changes what it has.
    let rows: RowMatrix
    let published: Int
    let liveCount: Int
    let liveWords: LiveWords
    /// Live slots, one bit each.
    var alive: UnsafePointer<UInt64> { UnsafePointer(liveWords.words) }
    let codes: CodeStore?
    /// Slots that have a code.
    let encoded: Int
    let graph: Graph?
    /// Slots below are linked; the graph's links beyond aren't followed.
    let linked: Int
    /// Whether walks can be relied on to arrive at them.
    let isChecked: Bool
    /// Where walks start, encoded surely.
    let entry: UInt64

    init?(_ state: borrowing IndexState) {
        guard let rows = state.rows, state.published > 0 else { return nil }
        self.rows = rows
        published = state.published
        liveCount = state.alive.count
        liveWords = state.alive.shared
        codes = state.codes
        graph = state.links.graph
        // Loads may run ahead of publication: a linker never does.
        linked = min(state.links.linked, state.published)
        isChecked = state.links.isChecked
        // In this order: whatever is the entry point by now had its code before, here or in an older store.
        entry = graph?.entry.load(ordering: .acquiring) ?? .max
        encoded = min(state.encodedCount, state.published)
    }

    /// What of it decides how it is searched.
    public var counts: IndexCounts {
        IndexCounts(
            published: published, encoded: codes == nil ? nil : encoded, linked: graph == nil ? nil : linked,
            isChecked: isChecked)
    }
}

/// The slots of a view that may be hits: those that a filter allows and that are live.
public final class SearchCandidates: @unchecked Sendable {
    // Unchecked: nobody changes the words once they are made.
    let view: IndexView
    let admission: Admission
    let isFiltered: Bool
    /// The filter's; without one those of the view.
    private let ownWords: UnsafeMutablePointer<UInt64>?

    /// How many there are.
    public var count: Int { admission.count }

    /// How many are below a slot. Complexity: O(slot / 64).
    public func count(below slot: Int) -> Int { admission.count(0, slot) }

    /// - Parameter allowed: one bit a slot, of which those past the last word are excluded; `nil` allows every slot.
    /// - Complexity: O(published / 64) with a filter, O(1) without.
    public init(_ view: IndexView, allowed: [UInt64]?) {
        self.view = view
        isFiltered = allowed != nil
        guard let allowed else {
            ownWords = nil
            admission = Admission(words: view.alive, count: view.liveCount)
            return
        }
        let wordCount = (view.published + 63) >> 6
        let words = UnsafeMutablePointer<UInt64>.allocate(capacity: max(wordCount, 1))
        let shared = min(wordCount, allowed.count)
        let count = allowed.withUnsafeBufferPointer { allowed in
            allowed.baseAddress.map { Kernels.best.pointee.intersect_bits($0, view.alive, words, shared) } ?? 0
        }
        (words + shared).initialize(repeating: 0, count: wordCount - shared)
        ownWords = words
        admission = Admission(words: words, count: count)
    }

    /// The same with a bitmap.
    public convenience init(_ view: IndexView, allowed: SlotBitmap?) {
        self.init(
            view, allowed: allowed.map { [UInt64](UnsafeBufferPointer(start: $0.words, count: $0.wordCount)) })
    }

    deinit { ownWords?.deallocate() }
}

extension SearchPlan {
    init(_ parameters: IndexParameters, _ options: SearchOptions, _ candidates: SearchCandidates) {
        self.init(
            parameters, candidates.view.counts, options, candidates: candidates.count,
            isFiltered: candidates.isFiltered, candidatesBelow: { candidates.count(below: $0) })
    }
}
