import VectorIndex

/// How a query will be answered: decided once, before points are looked at.
public struct QueryPlan: Sendable, Equatable {
    public var method: QueryMethod
    /// Points in the collection.
    public var points: Int
    /// Points that could be results: they match, and have the vector that is scored.
    public var candidates: Int
    /// Points that are looked for, those in front of the results among them.
    public var wanted: Int
    /// Recall that is aimed at; `nil` for none.
    public var recall: Explanation.Recall?
    /// How the vector's index will be searched; `nil` for a query without a vector.
    package var search: SearchPlan?
    /// How hard the index is searched.
    package var aim: SearchAim?

    /// Width of the walk; `nil` when none is made.
    public var ef: Int? { search?.ef }

    /// Whether points are scanned in place of a walk because the graph's haven't been looked for yet.
    public var awaitsCheck: Bool { search?.awaitsCheck ?? false }

    /// What a plan follows from beside the query.
    package struct Facts {
        /// Live points.
        package var points: Int
        /// Those that the filter admits.
        package var matching: Int
        /// What is scored.
        package var vector: VectorFacts?
        /// Values of all points under the key that points are ordered by; `nil` where they can't be read by slot.
        package var values: Int?

        package init(points: Int, matching: Int, vector: VectorFacts? = nil, values: Int? = nil) {
            self.points = points
            self.matching = matching
            self.vector = vector
            self.values = values
        }
    }

    /// The same of the vector that is scored.
    package struct VectorFacts {
        package var parameters: IndexParameters
        package var counts: IndexCounts
        /// Live slots that have the vector and match.
        package var candidates: Int
        package var isFiltered: Bool
        /// How many of them are below a slot.
        package var candidatesBelow: (Int) -> Int
        /// The query's own slot.
        package var excluded: UInt32?
        /// Bytes of rows that are scanned whatever it costs.
        package var fullScanBytes: Int?
        /// Whether scores may be those of codes. Without a quantization that somebody asked for, codes are the engine's own
        /// affair.
        package var mayEstimate = true
        package var knowledge = RecallKnowledge()

        package init(
            _ parameters: IndexParameters, _ counts: IndexCounts, candidates: Int, isFiltered: Bool,
            candidatesBelow: @escaping (Int) -> Int
        ) {
            self.parameters = parameters
            self.counts = counts
            self.candidates = candidates
            self.isFiltered = isFiltered
            self.candidatesBelow = candidatesBelow
        }
    }

    /// The cheapest plan that gives the query's results.
    package static func decide(_ query: Query, _ facts: Facts) -> QueryPlan {
        let wanted = min(query.mostLookedFor, facts.points)
        var plan = QueryPlan(method: .empty, points: facts.points, candidates: facts.matching, wanted: wanted)
        switch query.ranking {
        case .byID: plan.method = .idOrder
        case .byValue:
            plan.method = prefersSort(query, facts, wanted: wanted) ? .valueSort : .valueOrder
        case .nearest:
            guard let vector = facts.vector else { break }
            let aim = SearchAim(
                query.parameters, k: wanted, points: facts.points, index: vector.parameters, vector.knowledge)
            let search = SearchPlan(
                vector.parameters, vector.counts, plan.options(query, aim, vector), candidates: vector.candidates,
                isFiltered: vector.isFiltered, candidatesBelow: vector.candidatesBelow)
            plan.method = QueryMethod(search.method)
            plan.candidates = vector.candidates
            plan.recall = aim.recall
            if search.method == .exactScan || search.method == .exactFilteredScan { plan.recall?.foundExactly() }
            plan.search = search
            plan.aim = aim
        }
        return plan
    }

    /// The options of the index's search.
    package func options(_ query: Query, _ aim: SearchAim, _ vector: VectorFacts) -> SearchOptions {
        let parameters = query.parameters
        var options = SearchOptions(
            k: wanted, ef: aim.ef, exact: aim.isExact, indexedOnly: parameters.indexedOnly,
            ignoreCodes: parameters.ignoreQuantization,
            rescore: vector.mayEstimate ? parameters.rescore ?? true : true,
            oversampling: max(parameters.oversampling ?? 1, 1), fullScanBytes: vector.fullScanBytes,
            excluded: vector.excluded)
        options.leastScore = aim.leastScore
        return options
    }

    /// A value that is read and sorted costs about as much as so many steps through sorted ones.
    private static let sortedValueCost = 4.0

    /// Whether to sort the values of the points that match rather than to go through all values in order until enough of
    /// them have matched. How far that would be is a guess: where a page begins may be anywhere.
    private static func prefersSort(_ query: Query, _ facts: Facts, wanted: Int) -> Bool {
        guard let values = facts.values, values > 0 else { return false }
        let steps = min(Double(wanted) * Double(values) / Double(max(facts.matching, 1)), Double(values))
        return Double(facts.matching) * sortedValueCost < steps
    }
}

/// A way to find the results of a query.
public enum QueryMethod: String, Sendable {
    /// Nothing to search: no point can be a result, or none was asked for.
    case empty
    /// Every vector, as it is stored.
    case exactScan = "exact_scan"
    /// Every matching vector, as it is stored.
    case exactFilteredScan = "exact_filtered_scan"
    /// Every vector by its code, then rescoring.
    case codeScan = "code_scan"
    /// Every matching vector by its code, then rescoring.
    case filteredScan = "filtered_scan"
    /// A walk of the graph, without filter.
    case graph
    /// A walk of the graph that collects what matches.
    case graphFiltered = "graph_filtered"
    /// A walk over matching points alone, through neighbours of neighbours.
    case graphTwoHop = "graph_two_hop"
    /// A walk that found too few or cost too much, then a scan of what matches. No plan says so: it is what becomes of one.
    case graphThenScan = "graph_then_scan"
    /// Without a vector: points by their ids.
    case idOrder = "id_order"
    /// Without a vector: values under a payload key in order, until enough of their points match.
    case valueOrder = "value_order"
    /// Without a vector: the matching points' values, sorted.
    case valueSort = "value_sort"

    init(_ method: SearchMethod) {
        self =
            switch method {
            case .empty: .empty
            case .exactScan: .exactScan
            case .exactFilteredScan: .exactFilteredScan
            case .codeScan: .codeScan
            case .filteredScan: .filteredScan
            case .graph: .graph
            case .graphFiltered: .graphFiltered
            case .graphTwoHop: .graphTwoHop
            case .graphThenScan: .graphThenScan
            }
    }
}
