import Quantization
import Synchronization

extension VectorIndex {
    /// What there is to be searched now; `nil` for an index without rows. It stays as it is while it is held: what is published
    /// or removed later isn't in it. Any thread.
    ///
    /// - Complexity: O(1). While a view is held, a change of the index copies a bit for each slot, once.
    public func view() -> IndexView? { state.withLock { IndexView($0) } }

    /// ``search(_:_:allowed:in:)`` in a view of its own.
    public func search(
        _ query: UnsafeBufferPointer<Float>, _ options: SearchOptions, allowed: SlotBitmap?
    ) -> SearchOutcome {
        search(query, options, allowed: allowed, in: view())
    }

    /// Finds the k best live slots that `allowed` has (all, when it is `nil`). Without any lock; any number of threads.
    ///
    /// The plan follows from the exact number of slots that may be returned: few are scanned, many are found by walking
    /// the graph, and a walk that finds too few or costs too much is followed by a scan. So k hits come back whenever k
    /// live slots are allowed, and a slot is found from its publication on (``SearchOptions/indexedOnly`` waives both
    /// for the tail).
    ///
    /// - Parameters:
    ///   - query: `dimensions` elements; normalised by the caller where the metric is cosine.
    ///   - view: of this index.
    /// - Precondition: the query has `dimensions` elements.
    /// - Complexity: with a graph about `ef · m` scores of codes; without, one for each allowed slot.
    public func search(
        _ query: UnsafeBufferPointer<Float>, _ options: SearchOptions, allowed: SlotBitmap?, in view: IndexView?
    ) -> SearchOutcome {
        precondition(query.count == parameters.dimensions, "a query of \(query.count) elements")
        let empty = SearchOutcome(timings: options.clock == nil ? nil : SearchTimings())
        guard let base = query.baseAddress, options.k > 0 else { return empty }
        guard let view, view.liveCount > 0 else { return empty }
        return ScratchPool.with { scratch in
            // Kernels get plain pointers into all of these; a retraining may have let go of the codes meanwhile.
            withExtendedLifetime((view.rows.owner, view.liveWords, view.codes, view.graph, allowed)) {
                let filter = allowed.map { FilterBitmap(view, $0) }
                defer { filter?.deallocate() }
                let admission =
                    filter?.admission ?? Admission(words: view.alive, count: view.liveCount)
                guard admission.count > 0 else { return empty }
                var run = SearchRun(
                    parameters: parameters, view: view, query: base, options: options, admission: admission,
                    isFiltered: filter != nil, scratch: scratch)
                scratch.hidden = options.hidesExcluded ? options.excluded ?? Graph.sentinel : Graph.sentinel
                defer { scratch.hidden = Graph.sentinel }
                return run.outcome()
            }
        }
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
        // In this order: whatever is the entry point by now had its code before, here or in an older store.
        entry = graph?.entry.load(ordering: .acquiring) ?? .max
        encoded = min(state.encodedCount, state.published)
    }

    var isAllLive: Bool { liveCount == published }
}

/// The slots that a filter allows and that are live, in words of its own.
struct FilterBitmap {
    private let words: UnsafeMutablePointer<UInt64>
    let admission: Admission

    /// O(published / 64).
    init(_ view: IndexView, _ allowed: SlotBitmap) {
        let wordCount = (view.published + 63) >> 6
        words = .allocate(capacity: max(wordCount, 1))
        let shared = min(wordCount, allowed.wordCount)
        var count = 0
        for i in 0..<shared {
            let word = allowed.words[i] & view.alive[i]
            words[i] = word
            count += word.nonzeroBitCount
        }
        for i in shared..<wordCount { words[i] = 0 }
        admission = Admission(words: words, count: count)
    }

    func deallocate() { words.deallocate() }
}
