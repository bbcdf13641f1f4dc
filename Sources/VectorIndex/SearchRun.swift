import Quantization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// One search, from plan to hits.
struct SearchRun {
    let parameters: IndexParameters
    let view: IndexView
    let query: UnsafePointer<Float>
    let options: SearchOptions
    let admission: Admission
    let isFiltered: Bool
    let scratch: Scratch

    private let poll: Poll
    /// Slots to collect: one more than k when one is left out afterwards.
    private let wanted: Int
    private var cost = WalkCost()
    private var timings = SearchTimings()
    private var result = SearchOutcome()
    /// A scan would have been too long.
    private var hasGivenUp = false

    init(
        parameters: IndexParameters, view: IndexView, query: UnsafePointer<Float>, options: SearchOptions,
        admission: Admission, isFiltered: Bool, scratch: Scratch
    ) {
        self.parameters = parameters
        self.view = view
        self.query = query
        self.options = options
        self.admission = admission
        self.isFiltered = isFiltered
        self.scratch = scratch
        poll = Poll(cancelled: options.cancelled)
        let k = min(options.k, admission.count)
        wanted = options.excluded == nil ? k : min(k, admission.count) + 1
    }

    mutating func outcome() -> SearchOutcome {
        result.allowedCount = admission.count
        let rows = RowScorer(parameters, query, view.rows)
        if options.exact || view.codes == nil {
            scanRows(rows)
        } else if options.ignoreCodes || parameters.scoresRows {
            searchByRows(rows)
        } else if let codes = view.codes {
            let route = route(upTo: view.encoded)
            let isLong = route.plan != .scan || admission.count >= Planner.leastReducedScan
            let start = now()
            let prepared = codes.prepare(query, reducing: isLong, scratch: scratch)
            timings.prepare += now() - start
            if let scorer = prepared.termedScorer {
                searchByCodes(scorer, prepared, route, rows)
            } else {
                searchByCodes(prepared.scorer, prepared, route, rows)
            }
        }
        if let excluded = options.excluded { result.hits.removeAll { $0.slot == excluded } }
        if result.hits.count > options.k { result.hits.removeLast(result.hits.count - options.k) }
        result.walked = cost.scored
        result.hops = cost.hops
        result.cancelled = hasGivenUp || poll.isCancelled
        if options.explainTimings { result.timings = timings }
        return result
    }

    // MARK: By stored rows

    /// Every admitted row.
    private mutating func scanRows(_ rows: RowScorer) {
        result.plan = isFiltered ? .exactFilteredScan : .exactScan
        guard mayScan(admission.count) else { return }
        let start = now()
        scratch.ensureResults(TopCandidates.room(wanted))
        var top = TopCandidates(keys: scratch.results, capacity: wanted)
        result.scanned += scan(
            rows, admission, from: 0, to: view.published, isDense: admission.count == view.published, top: &top,
            scratch: scratch, poll: poll)
        result.hits = top.sorted().map { Hit(slot: Rank.slot($0), score: Rank.score(Rank.rank($0))) }
        timings.scan += now() - start
    }

    /// The plan of codes, but all scores by stored rows.
    private mutating func searchByRows(_ rows: RowScorer) {
        // A row costs what several codes cost, in a scan as in a walk.
        let found = best(rows, route(upTo: view.published), keep: wanted, upTo: view.published, scansRows: true)
        result.hits = found.prefix(wanted).map { Hit(slot: Rank.slot($0), score: Rank.score(Rank.rank($0))) }
    }

    // MARK: By codes

    private mutating func searchByCodes<S: RankScorer>(
        _ scorer: S, _ prepared: PreparedQuery, _ route: Route, _ rows: RowScorer
    ) {
        let (least, most) = options.rescore ? rescoredCounts : (wanted, wanted)
        let bound = prepared.margin.map {
            RivalBound(k: wanted, least: min(max(least, Planner.leastKept(k: wanted)), most), margin: $0)
        }
        let found =
            shortlist(prepared, by: scorer, route, least: least, most: most)
            ?? best(scorer, route, keep: most, rivals: bound, upTo: view.encoded)
        let count = options.rescore ? rescored(found, least: least, prepared, rows) : found.count
        var hits = (0..<count).map { i in
            let key = found[i]
            return Hit(
                slot: Rank.slot(key),
                score: options.rescore ? Rank.score(Rank.rank(key)) : prepared.score(Rank.rank(key)))
        }
        if view.encoded < view.published, !options.indexedOnly { addRowTail(rows, to: &hits) }
        // By rank, which orders NaN too.
        hits.sort { Rank.key(Rank.of(score: $0.score), $0.slot) < Rank.key(Rank.of(score: $1.score), $1.slot) }
        if hits.count > wanted { hits.removeLast(hits.count - wanted) }
        result.hits = hits
    }

    /// The best `most` by `scorer` of what reduced codes can't tell from the best `least`, sorted. `nil` where there are no
    /// reduced codes or they don't tell enough.
    private mutating func shortlist<S: RankScorer>(
        _ prepared: PreparedQuery, by scorer: S, _ route: Route, least: Int, most: Int
    ) -> UnsafeMutableBufferPointer<UInt64>? {
        guard let first = prepared.first else { return nil }
        let mostReranked = Planner.mostReranked(least: least, admitted: admission.count)
        scratch.ensureResults(RivalCandidates.room(mostReranked))
        scratch.ensureBest(TopCandidates.room(least))
        var candidates = RivalCandidates(
            keys: scratch.results, most: mostReranked, best: scratch.best,
            bound: RivalBound(k: wanted, least: least, margin: first.margin))
        guard collect(first.scorer, route, to: &candidates, upTo: view.encoded), !candidates.isOverfull else {
            return nil
        }
        return ranked(candidates.kept(), by: scorer, keep: most)
    }

    /// How many of the sorted `found` int8 codes can't tell from the `wanted` best.
    private func rivals(_ found: UnsafeMutableBufferPointer<UInt64>, least: Int, _ prepared: PreparedQuery) -> Int {
        guard found.count > least else { return found.count }
        let end = prepared.score(Rank.rank(found[wanted - 1])) - prepared.terms.margin
        var count = least
        while count < found.count, prepared.score(Rank.rank(found[count])) >= end { count += 1 }
        return count
    }

    /// The best `keep` of a shortlist by a finer scorer, sorted.
    private mutating func ranked<S: RankScorer>(
        _ shortlist: UnsafeMutableBufferPointer<UInt64>, by scorer: S, keep: Int
    ) -> UnsafeMutableBufferPointer<UInt64> {
        let start = now()
        scratch.ensurePool(TopCandidates.room(keep))
        var top = TopCandidates(keys: scratch.pool, capacity: keep)
        var first = 0
        while first < shortlist.count {
            let size = min(shortlist.count - first, 512)
            for i in 0..<size { scratch.batch[i] = Rank.slot(shortlist[first + i]) }
            scorer.ranks(scratch.batch, size, scratch.ranks)
            for i in 0..<size { top.offer(Rank.key(scratch.ranks[i], scratch.batch[i])) }
            first += size
        }
        result.reranked = shortlist.count
        let sorted = top.sorted()
        timings.rerank += now() - start
        return sorted
    }

    /// Rescores those of the sorted `found` that int8 codes can't tell from the `wanted` best. Returns how many they are.
    private mutating func rescored(
        _ found: UnsafeMutableBufferPointer<UInt64>, least: Int, _ prepared: PreparedQuery, _ rows: RowScorer
    ) -> Int {
        let start = now()
        var count = rivals(found, least: least, prepared)
        if rescore(found, from: 0, to: count, prepared, rows) > prepared.terms.margin {
            // The margin is that of rounding, and these are off by more: clipped rows.
            _ = rescore(found, from: count, to: found.count, prepared, rows)
            count = found.count
        }
        result.rescored = count
        timings.rescore += now() - start
        return count
    }

    /// Puts exact ranks in the place of estimated ones. Returns by how much an estimate was off at most.
    private func rescore(
        _ keys: UnsafeMutableBufferPointer<UInt64>, from first: Int, to end: Int, _ prepared: PreparedQuery,
        _ rows: RowScorer
    ) -> Float {
        var largest: Float = 0
        var start = first
        while start < end {
            let size = min(end - start, 512)
            for i in 0..<size { scratch.batch[i] = Rank.slot(keys[start + i]) }
            rows.ranks(scratch.batch, size, scratch.ranks)
            for i in 0..<size {
                let estimate = prepared.score(Rank.rank(keys[start + i]))
                largest = max(largest, abs(Rank.score(scratch.ranks[i]) - estimate))
                keys[start + i] = Rank.key(scratch.ranks[i], scratch.batch[i])
            }
            start += size
        }
        return largest
    }

    /// The slots that aren't encoded yet, by their rows.
    private mutating func addRowTail(_ rows: RowScorer, to hits: inout [Hit]) {
        let start = now()
        scratch.ensureResults(TopCandidates.room(wanted))
        var top = TopCandidates(keys: scratch.results, capacity: wanted)
        result.scanned += scan(
            rows, admission, from: view.encoded, to: view.published, isDense: isDense(view.encoded, view.published),
            top: &top, scratch: scratch, poll: poll)
        hits += top.sorted().map { Hit(slot: Rank.slot($0), score: Rank.score(Rank.rank($0))) }
        timings.scan += now() - start
    }

    private func isDense(_ lower: Int, _ upper: Int) -> Bool {
        admission.count == view.published || admission.count(lower, upper) == upper - lower
    }

    // MARK: Collecting

    /// How the slots are searched that can be scored by then.
    private struct Route {
        let plan: Planner.Choice
        let ef: Int
        /// Slots that the graph covers, and how many of them are admitted.
        let linked: Int
        let admitted: Int
    }

    private func route(upTo end: Int) -> Route {
        let ef = effectiveEf
        let linked = options.indexedOnly && view.graph == nil ? end : min(view.linked, end)
        let admitted = isFiltered || !view.isAllLive ? admission.count(0, linked) : linked
        let plan =
            options.demandsScan(of: admitted, rowBytes: parameters.rowBytes)
            ? .scan
            : Planner.plan(
                linked: view.graph == nil ? 0 : linked, admitted: admitted, ef: ef, prefersGraph: options.prefersGraph)
        return Route(plan: plan, ef: ef, linked: linked, admitted: admitted)
    }

    /// The best `keep` admitted slots below `end` by `scorer`, sorted, in `scratch.results`.
    private mutating func best<S: RankScorer>(
        _ scorer: S, _ route: Route, keep: Int, rivals: RivalBound? = nil, upTo end: Int, scansRows: Bool = false
    ) -> UnsafeMutableBufferPointer<UInt64> {
        scratch.ensureResults(TopCandidates.room(keep))
        var top = TopCandidates(keys: scratch.results, capacity: keep, rivals: rivals)
        _ = collect(scorer, route, to: &top, upTo: end, scansRows: scansRows)
        return top.sorted()
    }

    /// Offers the admitted slots below `end` that `route` finds. Returns whether the scorer's ranking told enough for
    /// the walk to end at its best.
    private mutating func collect<S: RankScorer, C: CandidateSink>(
        _ scorer: S, _ route: Route, to top: inout C, upTo end: Int, scansRows: Bool = false
    ) -> Bool {
        let linked = route.linked
        var scanFrom = 0
        result.plan =
            switch (scansRows, isFiltered) {
            case (true, true): .exactFilteredScan
            case (true, false): .exactScan
            case (false, true): .filteredScan
            case (false, false): .codeScan
            }
        if route.plan != .scan, let graph = view.graph, view.entry != .max {
            let start = now()
            let walked = GraphSearch(
                graph: graph, entry: view.entry, limit: UInt32(linked), encoded: UInt32(end), admission: admission,
                admitted: route.admitted, ef: route.ef, wanted: min(wanted, route.admitted),
                isUnbounded: options.prefersGraph, scratch: scratch, poll: poll
            ).run(scorer, route.plan, isAllAdmitted: !isFiltered && route.admitted == linked, top: &top, cost: &cost)
            timings.walk += now() - start
            result.plan = walked
            if cost.hops > 0 { result.ef = route.ef }
            if walked == .graphThenScan {
                top.removeAll()
            } else {
                if !top.tellsApart(route.ef) { return false }
                scanFrom = linked
            }
        }
        let scanTo = options.indexedOnly && view.graph != nil ? linked : end
        if scanFrom < scanTo, mayScan(scanFrom == 0 ? admission.count : scanTo - scanFrom) {
            let start = now()
            result.scanned += scan(
                scorer, admission, from: scanFrom, to: scanTo, isDense: isDense(scanFrom, scanTo), top: &top,
                scratch: scratch, poll: poll)
            timings.scan += now() - start
        }
        return true
    }

    /// Whether so many slots are to be scanned; if not, the search has given up.
    private mutating func mayScan(_ count: Int) -> Bool {
        if count > options.mostScanned { hasGivenUp = true }
        return !hasGivenUp
    }

    // MARK: Sizes

    /// The walk's width.
    private var effectiveEf: Int {
        max(wanted, min(max(options.ef ?? Planner.defaultEf(parameters, k: wanted), 1), view.published))
    }

    /// How many candidates are rescored, at least and at most.
    private var rescoredCounts: (least: Int, most: Int) {
        let factor = options.oversampling.isFinite ? max(options.oversampling, 1) : 1
        let asked = (Double(wanted) * factor).rounded(.up)
        let least = max(
            Planner.leastRescored(k: wanted), asked < Double(view.published) ? Int(asked) : view.published)
        // Not below what is wanted, which may be one more than there is.
        let all = max(view.published, wanted)
        return (min(least, all), min(max(least, Planner.mostRescored(k: wanted)), all))
    }

    private func now() -> Int {
        guard options.explainTimings else { return 0 }
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
