/// How a search will be done: what follows from counts alone, before a vector is looked at.
public struct SearchPlan: Sendable, Equatable {
    /// What scores.
    public enum Scores: String, Sendable {
        /// Stored rows.
        case rows
        /// Codes; the best of them are rescored.
        case codes
    }

    public var method: SearchMethod
    public var scores: Scores
    /// Live slots that may be hits.
    public var candidates: Int
    /// Hits that are looked for.
    public var wanted: Int
    /// Width of the walk; `nil` where none is made.
    public var ef: Int?
    /// Slots that the graph covers, and how many of them are candidates.
    public var linked: Int
    public var linkedCandidates: Int
    /// Candidates that are scanned: all of them, or those that the graph doesn't cover.
    public var scanned: Int
    /// Whether a scan takes the place of a walk because the linked slots haven't been looked for yet.
    public var awaitsCheck: Bool

    package init(
        method: SearchMethod, scores: Scores, candidates: Int, wanted: Int, ef: Int?, linked: Int,
        linkedCandidates: Int, scanned: Int, awaitsCheck: Bool = false
    ) {
        self.method = method
        self.scores = scores
        self.candidates = candidates
        self.wanted = wanted
        self.ef = ef
        self.linked = linked
        self.linkedCandidates = linkedCandidates
        self.scanned = scanned
        self.awaitsCheck = awaitsCheck
    }
}

/// What of an index decides how it is searched.
public struct IndexCounts: Sendable, Equatable {
    /// Slots, live or not.
    public var published: Int
    /// Slots that have a code; `nil` for an index without codes.
    public var encoded: Int?
    /// Slots in the graph; `nil` for an index without one.
    public var linked: Int?
    /// Whether these have been looked for, so that walks can be relied on to arrive at them.
    public var isChecked: Bool

    public init(published: Int, encoded: Int?, linked: Int?, isChecked: Bool = true) {
        self.published = published
        self.encoded = encoded
        self.linked = linked
        self.isChecked = isChecked
    }
}

extension SearchPlan {
    /// Nothing to be found.
    static let empty = SearchPlan(
        method: .empty, scores: .rows, candidates: 0, wanted: 0, ef: nil, linked: 0, linkedCandidates: 0, scanned: 0)

    /// The cheapest plan that finds what the options ask for.
    ///
    /// - Parameters:
    ///   - counts: of the index.
    ///   - candidates: live slots that may be hits.
    ///   - isFiltered: whether a filter chose them.
    ///   - below: how many candidates are below a slot.
    public init(
        _ parameters: IndexParameters, _ counts: IndexCounts, _ options: SearchOptions, candidates: Int,
        isFiltered: Bool, candidatesBelow below: (Int) -> Int
    ) {
        guard candidates > 0, options.k > 0 else {
            self = .empty
            return
        }
        let wanted = min(options.k, candidates) + (options.excluded == nil ? 0 : 1)
        let ef = max(
            wanted, min(max(options.ef ?? parameters.defaultWidth(k: wanted), 1), counts.published))
        self.init(
            method: isFiltered ? .exactFilteredScan : .exactScan, scores: .rows, candidates: candidates, wanted: wanted,
            ef: nil, linked: 0, linkedCandidates: 0, scanned: candidates)
        if options.exact || counts.encoded == nil && counts.linked == nil { return }
        let end: Int
        if !options.ignoreCodes, !parameters.scoresRows, let encoded = counts.encoded {
            (scores, end) = (.codes, encoded)
            method = isFiltered ? .filteredScan : .codeScan
        } else {
            // A row costs what several codes cost, in a scan as in a walk.
            end = counts.published
        }
        linked = options.indexedOnly && counts.linked == nil ? end : min(counts.linked ?? 0, end)
        linkedCandidates =
            linked == counts.published ? candidates : candidates == counts.published ? linked : below(linked)
        var choice =
            options.demandsScan(of: linkedCandidates, rowBytes: parameters.rowBytes)
            ? .scan
            : Planner.plan(
                linked: counts.linked == nil ? 0 : linked, admitted: linkedCandidates, ef: ef,
                prefersGraph: options.prefersGraph)
        if choice != .scan, !counts.isChecked, !options.prefersGraph,
            linkedCandidates <= Planner.mostScannedUnchecked(parameters, scores)
        {
            (choice, awaitsCheck) = (.scan, true)
        }
        switch choice {
        case .scan: break
        case .walk: method = !isFiltered && linkedCandidates == linked ? .graph : .graphFiltered
        case .twoHop: method = .graphTwoHop
        }
        self.ef = choice == .scan ? nil : ef
        let leftOut = options.indexedOnly ? candidates - linkedCandidates : 0
        scanned = (choice == .scan ? candidates : candidates - linkedCandidates) - leftOut
    }

    var choice: Planner.Choice {
        switch method {
        case .graph, .graphFiltered: .walk
        case .graphTwoHop: .twoHop
        case .empty, .exactScan, .exactFilteredScan, .codeScan, .filteredScan, .graphThenScan: .scan
        }
    }
}
