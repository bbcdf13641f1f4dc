import Quantization

/// One search by its plan, to its hits.
struct SearchRun {
    let parameters: IndexParameters
    let query: UnsafePointer<Float>
    let plan: SearchPlan
    let options: SearchOptions
    let candidates: SearchCandidates
    let scratch: Scratch

    private let view: IndexView
    private let admission: Admission
    private var isFiltered: Bool { candidates.isFiltered }

    private let poll: Poll
    /// Slots to collect: one more than k when one is left out afterwards.
    private var wanted: Int { plan.wanted }
    private var cost = WalkCost()
    private var timings = SearchTimings()
    private var result = SearchOutcome()
    /// A scan would have been too long.
    private var hasGivenUp = false

    init(
        _ parameters: IndexParameters, _ query: UnsafePointer<Float>, _ plan: SearchPlan, _ options: SearchOptions,
        _ candidates: SearchCandidates, scratch: Scratch
    ) {
        self.parameters = parameters
        self.query = query
        self.plan = plan
        self.options = options
        self.candidates = candidates
        self.scratch = scratch
        view = candidates.view
        admission = candidates.admission
        poll = Poll(cancelled: options.cancelled)
    }

    mutating func outcome() -> SearchOutcome {
        result.allowedCount = admission.count
        let rows = RowScorer(parameters, query, view.rows)
        if options.exact || view.codes == nil && view.graph == nil {
            scanRows(rows)
        } else if plan.scores == .rows {
            searchByRows(rows, Route(plan))
        } else if let codes = view.codes {
            let route = Route(plan)
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
        if options.clock != nil { result.timings = timings }
        return result
    }

    // MARK: By stored rows

    /// Every admitted row.
    private mutating func scanRows(_ rows: RowScorer) {
        result.method = isFiltered ? .exactFilteredScan : .exactScan
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

    /// All scores by stored rows.
    private mutating func searchByRows(_ rows: RowScorer, _ route: Route) {
        let found = best(rows, route, keep: wanted, upTo: view.published, scansRows: true)
        result.hits = found.prefix(wanted).map { Hit(slot: Rank.slot($0), score: Rank.score(Rank.rank($0))) }
    }

    // MARK: By codes

    private mutating func searchByCodes<S: RankScorer>(
        _ scorer: S, _ prepared: PreparedQuery, _ route: Route, _ rows: RowScorer
    ) {
        let counts = options.rescore ? rescoredCounts : RescoredCounts(least: wanted, most: wanted)
        var (found, doubt) = candidates(scorer, prepared, route, counts, rows)
        if doubt != .none, result.method.isScan {
            // A scan knows the others: as many of them are rescored as the bound allows.
            (found, doubt) = (widelyRescored(scorer, prepared, route, rows), .none)
        }
        if doubt != .none, !poll.isCancelled {
            // Codes can't tell the best from what was left out: stored rows can.
            let method = result.method
            scratch.goOn(from: found)
            var options = options
            options.ignoreCodes = true
            searchByRows(rows, Route(SearchPlan(parameters, options, candidates)))
            scratch.startCount = 0
            result.method = method
            result.wentOnByRows = true
            return
        }
        var hits = found.map { key in
            Hit(
                slot: Rank.slot(key),
                score: options.rescore ? Rank.score(Rank.rank(key)) : prepared.score(Rank.rank(key)))
        }
        if options.rescore { addLongRows(rows, to: &hits) }
        if view.encoded < view.published, !options.indexedOnly { addRowTail(rows, to: &hits) }
        // By rank, which orders NaN too.
        hits.sort { Rank.key(Rank.of(score: $0.score), $0.slot) < Rank.key(Rank.of(score: $1.score), $1.slot) }
        if hits.count > wanted { hits.removeLast(hits.count - wanted) }
        result.hits = hits
    }

    /// What the search finds by codes, rescored if that is asked for, and whether codes are enough to tell the best of it.
    private mutating func candidates<S: RankScorer>(
        _ scorer: S, _ prepared: PreparedQuery, _ route: Route, _ counts: RescoredCounts, _ rows: RowScorer
    ) -> (found: UnsafeMutableBufferPointer<UInt64>, doubt: Doubt) {
        let bound = prepared.margin.map {
            RivalBound(
                k: wanted, least: min(max(counts.least, Planner.leastKept(k: wanted)), counts.most), margin: $0)
        }
        let found =
            shortlist(prepared, by: scorer, route, counts)
            ?? best(scorer, route, keep: counts.most, rivals: bound, upTo: view.encoded)
        scratch.startCount = 0
        guard options.rescore else { return (found, .none) }
        let width = route.plan == .scan ? counts.most : min(counts.most, route.ef)
        let (count, doubt) = rescored(found, counts, prepared, rows, width: width)
        return (UnsafeMutableBufferPointer(rebasing: found[..<count]), doubt)
    }

    /// The best of a scan by codes whose errors were too large: the first of all by estimate, rescored, whatever their margin.
    private mutating func widelyRescored<S: RankScorer>(
        _ scorer: S, _ prepared: PreparedQuery, _ route: Route, _ rows: RowScorer
    ) -> UnsafeMutableBufferPointer<UInt64> {
        let route = Route(plan: .scan, ef: route.ef, linked: route.linked, admitted: route.admitted)
        let method = result.method
        let most = max(rescoredCounts.most, min(Planner.mostRescored, admission.count))
        let found = best(scorer, route, keep: most, upTo: view.encoded)
        result.method = method
        let start = now()
        var errors = EstimateErrors()
        rescore(found, from: 0, to: found.count, prepared, rows, &errors)
        result.rescored += found.count
        timings.rescore += now() - start
        result.wentOnByRows = true
        return found
    }

    /// Whether what codes left out may be better than what they found.
    private enum Doubt {
        case none
        /// The last that was kept is estimated to be no farther behind the best than estimates are off.
        case candidates
        /// Estimates are off by as much as the candidates differ.
        case ranking
    }

    /// How many candidates are rescored, at least and at most.
    private struct RescoredCounts {
        var least: Int
        var most: Int

    }

    /// Rows whose scores vary so much with their length that an estimate says little: few, and often the best by dot product.
    private mutating func addLongRows(_ rows: RowScorer, to hits: inout [Hit]) {
        guard let long = view.codes?.longRows, long.count > 0 else { return }
        let start = now()
        let all = long.copy(below: UInt32(view.encoded), to: scratch.batch)
        let known = Set(hits.map(\.slot))
        var count = 0
        for i in 0..<all where admission.admits(scratch.batch[i]) && !known.contains(scratch.batch[i]) {
            scratch.batch[count] = scratch.batch[i]
            count += 1
        }
        rows.ranks(scratch.batch, count, scratch.ranks)
        result.rescored += count
        for i in 0..<count { hits.append(Hit(slot: scratch.batch[i], score: Rank.score(scratch.ranks[i]))) }
        timings.rescore += now() - start
    }

    /// The best `most` by `scorer` of what reduced codes can't tell from the best `least`, sorted. `nil` where there are no
    /// reduced codes or they don't tell enough.
    private mutating func shortlist<S: RankScorer>(
        _ prepared: PreparedQuery, by scorer: S, _ route: Route, _ counts: RescoredCounts
    ) -> UnsafeMutableBufferPointer<UInt64>? {
        guard let first = prepared.first else { return nil }
        let least = counts.least
        let mostReranked = Planner.mostReranked(least: least, admitted: admission.count)
        scratch.ensureResults(RivalCandidates.room(mostReranked))
        scratch.ensureBest(TopCandidates.room(least))
        var candidates = RivalCandidates(
            keys: scratch.results, most: mostReranked, best: scratch.best,
            bound: RivalBound(k: wanted, least: least, margin: first.margin))
        guard collect(first.scorer, route, to: &candidates, upTo: view.encoded), !candidates.isOverfull else {
            scratch.goOn(from: candidates.closest())
            return nil
        }
        return ranked(candidates.kept(), by: scorer, keep: counts.most)
    }

    /// How many of the sorted `found` int8 codes can't tell from the `wanted` best.
    private func rivals(_ found: UnsafeMutableBufferPointer<UInt64>, least: Int, _ prepared: PreparedQuery) -> Int {
        guard found.count > least else { return found.count }
        let kth = prepared.score(Rank.rank(found[wanted - 1]))
        let margin = prepared.margin(Rank.slot(found[wanted - 1]))
        guard prepared.scales != nil else {
            var count = least
            while count < found.count, prepared.score(Rank.rank(found[count])) >= kth - margin { count += 1 }
            return count
        }
        var count = found.count
        while count > least {
            let key = found[count - 1]
            if prepared.score(Rank.rank(key)) + max(margin, prepared.margin(Rank.slot(key))) >= kth { break }
            count -= 1
        }
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

    /// Rescores those of the sorted `found` that int8 codes can't tell from the `wanted` best. Returns how many they are, and
    /// whether something that isn't among `found`, and so is estimated no better than the last of them, may be one of the
    /// best all the same, by the errors that the estimates turn out to have.
    ///
    /// - Parameter width: the most that could have been found. With room left, only what is behind by more than its margin
    ///   was left out.
    private mutating func rescored(
        _ found: UnsafeMutableBufferPointer<UInt64>, _ counts: RescoredCounts, _ prepared: PreparedQuery,
        _ rows: RowScorer, width: Int
    ) -> (count: Int, doubt: Doubt) {
        guard let last = found.last else { return (0, .none) }
        let start = now()
        let lastEstimate = prepared.score(Rank.rank(last))
        // What was left out may be as long a row as any that was found.
        let lastScale = found.reduce(Float(1)) { max($0, prepared.scale(Rank.slot($1))) }
        var count = rivals(found, least: min(counts.least, found.count), prepared)
        var errors = EstimateErrors()
        rescore(found, from: 0, to: count, prepared, rows, &errors)
        if errors.isPastMargin, count < found.count {
            rescore(found, from: count, to: found.count, prepared, rows, &errors)
            count = found.count
        }
        result.rescored += count
        timings.rescore += now() - start
        guard count == found.count, count >= wanted, wanted > 0, let keys = found.baseAddress else {
            return (count, .none)
        }
        // A query far from what the codes were trained on: its margin has left out what it should not have.
        let isMarginWrong = errors.areMostlyPastMargin
        guard found.count >= width || isMarginWrong else { return (count, .none) }
        if errors.isAsLargeAsDifferences { return (count, .ranking) }
        guard count >= counts.most || isMarginWrong else { return (count, .none) }
        sortKeys(keys, count)
        let mayBeMore = lastEstimate + lastScale * errors.greatest >= Rank.score(Rank.rank(keys[wanted - 1]))
        return (count, mayBeMore ? .candidates : .none)
    }

    /// By how much estimates of a query were off.
    private struct EstimateErrors {
        /// How far above their estimates scores turned out to be, for rows of scale 1.
        var excess = Moments()
        var scores = Moments()
        /// How many were off by more than their margin.
        var pastMargin = 0
        var isPastMargin: Bool { pastMargin > 0 }
        /// Whether so many were that the margin isn't one for this query: it is three to four standard deviations.
        var areMostlyPastMargin: Bool { 8 * pastMargin > scores.count }

        /// How far above its estimate another score may be: three standard deviations above the mean.
        var greatest: Float { Float(excess.mean + 3 * excess.variance.squareRoot()) }

        /// Whether the errors are more than this share of what the scores differ by, both as a mean of squares: candidates
        /// are then ranked by chance as much as by what they are.
        var isAsLargeAsDifferences: Bool { excess.variance > FinerPairs.mostError * scores.variance }
    }

    /// Puts exact ranks in the place of estimated ones.
    private func rescore(
        _ keys: UnsafeMutableBufferPointer<UInt64>, from first: Int, to end: Int, _ prepared: PreparedQuery,
        _ rows: RowScorer, _ errors: inout EstimateErrors
    ) {
        var start = first
        while start < end {
            let size = min(end - start, 512)
            for i in 0..<size { scratch.batch[i] = Rank.slot(keys[start + i]) }
            rows.ranks(scratch.batch, size, scratch.ranks)
            for i in 0..<size {
                let estimate = prepared.score(Rank.rank(keys[start + i]))
                let error = Rank.score(scratch.ranks[i]) - estimate
                errors.excess.add(error / prepared.scale(scratch.batch[i]))
                errors.scores.add(Rank.score(scratch.ranks[i]))
                if abs(error) > prepared.margin(scratch.batch[i]) { errors.pastMargin += 1 }
                keys[start + i] = Rank.key(scratch.ranks[i], scratch.batch[i])
            }
            start += size
        }
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

        init(_ plan: SearchPlan) {
            self.init(
                plan: plan.choice, ef: plan.ef ?? plan.wanted, linked: plan.linked, admitted: plan.linkedCandidates)
        }

        init(plan: Planner.Choice, ef: Int, linked: Int, admitted: Int) {
            self.plan = plan
            self.ef = ef
            self.linked = linked
            self.admitted = admitted
        }
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
        result.method =
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
            result.method = walked
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

    private var rescoredCounts: RescoredCounts {
        let factor = options.oversampling.isFinite ? max(options.oversampling, 1) : 1
        let asked = (Double(wanted) * factor).rounded(.up)
        let least = max(
            Planner.leastRescored(k: wanted), asked < Double(view.published) ? Int(asked) : view.published)
        // Not below what is wanted, which may be one more than there is.
        let all = max(view.published, wanted)
        return RescoredCounts(
            least: min(least, all), most: min(max(least, Planner.mostRescored(k: wanted)), all))
    }

    private func now() -> Int { options.clock?() ?? 0 }
}
