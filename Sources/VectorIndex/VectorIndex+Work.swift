import Quantization
import Synchronization

// Background work: training, encoding, linking. None of it holds a lock that searches wait for longer than a few
// assignments.
extension VectorIndex {
    /// Below this many live slots an index is scanned by its stored rows and needs no work.
    public static let smallestTrainedCount = 1024
    /// Rows that a codec is trained on, at most.
    static let largestSample = 20_000
    /// The codec is trained anew when there are this many times the slots it was trained for.
    static let retrainingGrowth = 4
    /// The graph is built anew when the codec's resolution grew or shrank by more than this.
    static let relinkingChange = 2.0
    /// Slots encoded at a time, and in one call of `work` before it links.
    private static let encodingStep = 64
    private static let encodingStepsPerCall = 512
    /// Whether there are rows enough for codes and a graph that aren't there yet.
    func needsBuild(_ state: borrowing IndexState) -> Bool {
        !state.isBuilt && state.end > 0 && state.alive.count >= Self.smallestTrainedCount
            && (parameters.codec != .none || parameters.effectiveM > 0)
    }

    /// Slots that there is to be room for, in codes and in the graph, when there are so many.
    static func capacities(_ parameters: IndexParameters, slots: Int) -> (codes: Int, graph: Int) {
        let limits = parameters.limits
        let (grown, overflow) = slots.multipliedReportingOverflow(by: limits.growth)
        let least = overflow ? maximumSlots : grown
        func capacity(_ bytes: Int, _ slotBytes: Int) -> Int {
            min(maximumSlots, max(bytes / max(slotBytes, 1), least))
        }
        return (
            capacity(limits.codeBytes, CodeStore.reserveBytes(parameters)),
            capacity(limits.graphBytes, Graph.reserveBytes(m: max(parameters.effectiveM, 2)))
        )
    }

    /// Makes something with room for `capacity` slots, or with as much room as the system grants, but for twice the slots that
    /// there are at least.
    static func withRoom<T>(
        for capacity: Int, slots: Int, _ make: (Int) throws(IndexMemoryError) -> T
    ) throws(IndexMemoryError) -> T {
        var capacity = capacity
        while true {
            do throws(IndexMemoryError) { return try make(capacity) } catch {
                guard case .outOfMemory = error, capacity / 2 >= 2 * slots else { throw error }
                capacity /= 2
            }
        }
    }

    /// Does background work: trains the codec when there are enough rows, or enough more than at the last training; encodes
    /// what isn't; links up to `limit` slots. Any number of threads at once, without any lock of the caller's.
    ///
    /// - Parameter pause: called between steps of some ten microseconds, while no lock is held.
    /// - Returns: the number of slots linked (encoded, if none were linked); 0 when there is nothing to do.
    public func work(limit: Int, pause: () -> Void = {}) -> Int {
        guard limit > 0, buildIfNeeded() else { return 0 }
        return ScratchPool.with { scratch in
            let encoded = encodePending(scratch, pause: pause) + retrainIfDue(scratch)
            let hasGraph = parameters.effectiveM > 0
            var linked = 0
            while hasGraph, linked < limit, linkNext(scratch) {
                linked += 1
                pause()
            }
            if linked > 0 {
                checkEarly(most: linked, scratch, pause: pause)
                return linked
            }
            if encoded > 0 { return encoded }
            let improved = retrainIfDue(scratch, isIdle: true)
            return improved > 0 || !hasGraph ? improved : checkNext(scratch, pause: pause)
        }
    }

    // MARK: Training

    /// Whether the index has codes and a graph, after making them if it is time.
    private func buildIfNeeded() -> Bool {
        let (has, needs) = state.withLock { ($0.isBuilt, needsBuild($0)) }
        if has || !needs { return has }
        return training.withLock { _ in
            guard state.withLock({ needsBuild($0) }) else { return state.withLock { $0.isBuilt } }
            do throws(IndexMemoryError) {
                // Before the sample is taken: rows that come while the codes are trained haven't been seen by them.
                let (seen, published) = state.withLock { ($0.alive.count, $0.published) }
                let store = try trainedStore()
                let graph = try emptyGraph(slots: published)
                state.withLock { state in
                    state.codes = store
                    state.links.graph = graph
                    state.trainedCount = seen
                }
                return true
            } catch {
                state.withLock { $0.limit(to: 0, error) }
                return false
            }
        }
    }

    /// Rows that training sees at most: long vectors need no more floats than short ones need rows.
    package static func sampleSize(dimensions: Int) -> Int {
        max(256, min(largestSample, (64 << 20) / (4 * dimensions)))
    }

    /// An empty store with a codec trained on a sample of the live rows; `nil` for an index without codes.
    func trainedStore() throws(IndexMemoryError) -> CodeStore? {
        // Only copied under the lock, which every search takes.
        let (rows, alive, published) = state.withLock { state in
            (state.rows, state.alive.copiedWords(), state.published)
        }
        let dimensions = parameters.dimensions
        let slots = evenSample(of: alive, most: Self.sampleSize(dimensions: dimensions))
        let memory = TemporaryMemory<Float>(capacity: slots.count * dimensions)
        defer { memory.deallocate() }
        let sample = memory.base
        if let rows {
            withExtendedLifetime(rows.owner) {
                for (i, slot) in slots.enumerated() {
                    parameters.element.read(
                        rows.row(slot), dimensions: dimensions, into: sample + i * dimensions)
                }
            }
        }
        let count = rows == nil ? 0 : slots.count
        guard
            let codec = parameters.codec.train(
                sample: sample, count: count, dimensions: dimensions, metric: parameters.metric, seed: parameters.seed)
        else { return nil }
        let principal =
            parameters.mayReduceCodes
            ? codec.reducer(sample: sample, count: count, total: alive.reduce(0) { $0 + $1.nonzeroBitCount }) : nil
        return try Self.withRoom(for: Self.capacities(parameters, slots: published).codes, slots: published) {
            capacity throws(IndexMemoryError) in
            try CodeStore(
                codec: codec, principal: principal, element: parameters.element, capacity: capacity,
                trainedSlots: published)
        }
    }

    /// `nil` where there is to be none.
    private func emptyGraph(slots: Int) throws(IndexMemoryError) -> Graph? {
        let m = parameters.effectiveM
        if m == 0 { return nil }
        return try Self.withRoom(for: Self.capacities(parameters, slots: slots).graph, slots: slots) {
            capacity throws(IndexMemoryError) in
            try Graph(m: m, capacity: capacity, seed: parameters.seed)
        }
    }

    /// Trains a new codec once the index has outgrown the old one, or can have reduced codes; encodes every slot with it and
    /// puts the new codes in the old ones' place. Searches and linkers that run meanwhile finish with the codes they began
    /// with. If the old codes were so different that links chosen by them are poor, a new graph is begun. Returns the number
    /// of slots encoded anew.
    ///
    /// - Parameter isIdle: whether there is nothing else to do but to check the graph.
    private func retrainIfDue(_ scratch: Scratch, isIdle: Bool = false) -> Int {
        func isDue() -> Bool {
            state.withLock { state in
                guard let codes = state.codes, state.end == .max else { return false }
                // Reduced codes want more rows than the first training may have had: twice the least sample. An index that has
                // nothing else to do takes the least, as it may stay as small.
                let least = PrincipalQuantizer.leastRows(dimensions: parameters.dimensions) * (isIdle ? 1 : 2)
                let wantsReduced =
                    parameters.mayReduceCodes && state.trainedCount < least && state.alive.count >= least
                    && (codes.principal == nil || !isIdle)
                // A capacity that the system has cut short.
                if codes.encodedCount >= codes.capacity / 2, state.published > 2 * codes.trainedSlots { return true }
                return wantsReduced || codes.hasDrifted
                    || state.alive.count >= Self.retrainingGrowth * max(state.trainedCount, 1)
            }
        }
        guard isDue() else { return 0 }
        let done: Int? = training.withLockIfAvailable { _ in
            guard isDue(), let old = state.withLock({ $0.codes }) else { return 0 }
            do {
                let seen = state.withLock { $0.alive.count }
                guard let fresh = try trainedStore() else { return 0 }
                func catchUp() throws(IndexMemoryError) {
                    // In this order: rows that are fetched later have every slot that was encoded by now, while a worker
                    // may encode newer ones, out of a grown mapping, between the two lines.
                    let goal = old.encodedCount
                    guard let rows = state.withLock({ $0.rows }) else { return }
                    try withExtendedLifetime(rows.owner) { () throws(IndexMemoryError) in
                        try fresh.append(rows, upTo: goal, scratch: scratch)
                    }
                }
                let graph =
                    old.hasDrifted && parameters.effectiveM > 0 && !parameters.scoresRows
                        || deservesNewGraph(fresh.codec, after: old.codec)
                    ? try emptyGraph(slots: fresh.trainedSlots) : nil
                try catchUp()
                try old.appending.withLock { retired in
                    try catchUp()
                    retired = true
                    state.withLock { state in
                        state.codes = fresh
                        state.trainedCount = seen
                        state.revision += 1
                        if let graph { state.successor = LinkProgress(graph: graph) }
                    }
                }
                return fresh.encodedCount
            } catch {
                // The old codes are as good as before; try again when there are twice as many slots.
                state.withLock { $0.trainedCount *= 2 }
                return 0
            }
        }
        return done ?? 0
    }

    /// Whether links chosen by the old codes are to be chosen anew: those were much too coarse, or so fine that much of
    /// the rows lay outside.
    private func deservesNewGraph(_ fresh: any Codec, after old: any Codec) -> Bool {
        guard parameters.effectiveM > 0, !parameters.scoresRows else { return false }
        let ratio = fresh.resolution / old.resolution
        return max(ratio, 1 / ratio) > Self.relinkingChange
    }

    // MARK: Encoding

    /// Encodes published slots that aren't, up to a bounded number. Returns how many.
    private func encodePending(_ scratch: Scratch, pause: () -> Void) -> Int {
        var done = 0
        for _ in 0..<Self.encodingStepsPerCall {
            let (codes, rows, goal) = state.withLock { ($0.codes, $0.rows, min($0.published, $0.end)) }
            guard let codes, let rows else { return done }
            let step: Int? = codes.appending.withLock { retired -> Int? in
                if retired { return 0 }
                let first = codes.encodedCount
                let end = min(goal, first + Self.encodingStep)
                guard first < end else { return nil }
                do throws(IndexMemoryError) {
                    try withExtendedLifetime(rows.owner) { () throws(IndexMemoryError) in
                        try codes.append(rows, upTo: end, scratch: scratch)
                    }
                    return end - first
                } catch {
                    state.withLock { $0.limit(to: first, error) }
                    return nil
                }
            }
            guard let step else { return done }
            done += step
            pause()
        }
        return done
    }

    // MARK: Linking

    /// Links the next slot; `false` when there is none.
    private func linkNext(_ scratch: Scratch) -> Bool {
        let claim: Claim? = state.withLock { state in
            guard state.isBuilt, let rows = state.rows, let (slot, graph) = state.claimSlot() else { return nil }
            return Claim(
                slot: slot, isLive: state.alive.contains(slot), graph: graph, codes: state.codes, rows: rows,
                published: state.published)
        }
        guard let claim else { return false }
        do throws(IndexMemoryError) {
            let level = try claim.graph.open(UInt32(claim.slot), isolated: !claim.isLive)
            if claim.isLive { link(claim, level: level, scratch) }
            state.withLock { $0.settle(claim.slot, in: claim.graph) }
            return true
        } catch {
            state.withLock { state in
                if state.successor?.graph === claim.graph {
                    // No room for two graphs: the one that is there goes on.
                    state.successor = nil
                } else {
                    state.limit(to: claim.slot, error)
                    state.settle(claim.slot, in: claim.graph)
                }
            }
            return false
        }
    }

    private func link(_ first: Claim, level: Int, _ scratch: Scratch) {
        var claim = first
        while !link(claim, level, scratch) {
            // The entry point is newer than what the claim can score: look again.
            state.withLock { state in
                claim.codes = state.codes ?? claim.codes
                claim.rows = state.rows ?? claim.rows
                claim.published = state.published
            }
        }
    }

    private func link(_ claim: Claim, _ level: Int, _ scratch: Scratch) -> Bool {
        let slot = UInt32(claim.slot)
        let limit = UInt32(min(claim.codes?.encodedCount ?? claim.published, claim.published))
        func context<S: RankScorer, P: PairScorer>(_ scorer: S, _ pairs: P, _ finer: FinerPairs?) -> LinkContext<S, P> {
            LinkContext(
                scorer: scorer, pairs: pairs, limit: limit, efConstruct: parameters.efConstruct, scratch: scratch,
                finer: finer)
        }
        guard let codes = claim.codes, !parameters.scoresRows, !codes.isClipped(slot) else {
            let dimensions = parameters.dimensions
            scratch.ensureFloats(2 * dimensions * 4)
            let query = scratch.floats.assumingMemoryBound(to: Float.self)
            return withExtendedLifetime(claim.rows.owner) {
                parameters.readAsQuery(claim.rows.row(claim.slot), into: query)
                return claim.graph.link(
                    slot, level: level,
                    context(
                        RowScorer(parameters, query, claim.rows),
                        RowPairs(parameters: parameters, rows: claim.rows, scratch: query + dimensions), nil))
            }
        }
        let prepared = codes.prepare(slot: slot, scratch: scratch)
        scratch.ensureFloats(2 * parameters.dimensions * 4)
        let floats = scratch.floats.assumingMemoryBound(to: Float.self)
        let finer = FinerPairs(
            rows: RowPairs(parameters: parameters, rows: claim.rows, scratch: floats),
            query: floats + parameters.dimensions, unit: codes.codec.pairs.unit)
        return withExtendedLifetime(claim.rows.owner) {
            if let scorer = prepared.termedScorer {
                return claim.graph.link(slot, level: level, context(scorer, codes.pairs, finer))
            }
            let scorer = prepared.first?.scorer ?? prepared.scorer
            return claim.graph.link(slot, level: level, context(scorer, codes.pairs, finer))
        }
    }

    /// A slot taken for linking, and what it takes.
    private struct Claim {
        let slot: Int
        let isLive: Bool
        let graph: Graph
        /// `nil` for an index without codes.
        var codes: CodeStore?
        var rows: RowMatrix
        /// Slots that `rows` has.
        var published: Int
    }
}
