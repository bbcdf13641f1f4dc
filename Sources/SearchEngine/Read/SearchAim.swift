import VectorIndex

/// How hard a search tries: by a width, exactly, or by what is known of the index to find the recall that was asked for.
package struct SearchAim: Equatable {
    /// Width of the walk; `nil` takes the default.
    package private(set) var ef: Int?
    package private(set) var isExact = false
    /// What an explanation tells of a recall that was aimed at.
    package private(set) var recall: Explanation.Recall?
    /// What results score at least where the width is a measured one.
    package private(set) var leastScore: SearchOptions.LeastScore?

    /// - Parameters:
    ///   - k: results.
    ///   - points: live points.
    ///   - index: the index's own parameters.
    package init(
        _ parameters: SearchParameters, k: Int, points: Int, index: IndexParameters, _ knowledge: RecallKnowledge
    ) {
        guard parameters.hnswEf == nil, !parameters.exact, let target = knowledge.target else {
            self.init(ef: parameters.hnswEf, isExact: parameters.exact)
            return
        }
        self.init(
            target: target, source: knowledge.source, k: k, points: points, parameters: index, kinds: knowledge.kinds,
            isKnown: knowledge.isKnown)
        guard recall?.basis == .measured,
            let floor = knowledge.floors.first(where: { $0.rank >= k }) ?? knowledge.floors.last
        else { return }
        leastScore = SearchOptions.LeastScore(rank: min(floor.rank, k), score: floor.score)
    }

    init(ef: Int?, isExact: Bool = false) {
        self.ef = ef
        self.isExact = isExact
    }

    /// The narrowest width that is known to find the target for queries of every kind that this one may be of, an exact search
    /// where none does, or an assumed width where nothing is known.
    ///
    /// - Parameters:
    ///   - target: over 0, at most 1.
    ///   - points: live points; no walk is wider.
    ///   - parameters: of the index.
    ///   - kinds: the curves that were measured for each of these kinds; empty for nothing.
    ///   - isKnown: whether the query is like those that were measured. If it isn't, the width is no narrower than without
    ///     any measurement.
    package init(
        target: Double, source: Explanation.Recall.Source, k: Int, points: Int, parameters: IndexParameters,
        kinds: [RecallProfile.Curves], isKnown: Bool = true
    ) {
        recall = Explanation.Recall(target: target, source: source, expected: nil, basis: .assumed)
        // More results than were measured take a walk that is wider by as much.
        let curves = kinds.compactMap { curves in curves.first { $0.k >= k } ?? curves.last }
        guard target < 1 else {
            searchExactly()
            return
        }
        let assumed = Self.assumedWidth(target: target, k: k, efConstruct: parameters.efConstruct)
        guard !curves.isEmpty, curves.allSatisfy({ $0.queries >= RecallCurve.leastQueries }) else {
            ef = assumed.map { min($0, max(points, 1)) }
            return
        }
        let widths = curves.compactMap { curve in
            curve.width(for: target).map { k > curve.k ? ($0 * k + curve.k - 1) / curve.k : $0 }
        }
        guard widths.count == curves.count, let width = widths.max() else {
            searchExactly()
            return
        }
        guard isKnown else {
            ef = min(max(width, assumed ?? parameters.defaultWidth(k: k)), max(points, 1))
            return
        }
        ef = min(max(width, k), max(points, 1))
        recall?.expected = curves.compactMap { curve in
            curve.recall(at: k > curve.k ? width * curve.k / k : width)
        }.min()
        recall?.basis = .measured
    }

    private mutating func searchExactly() {
        isExact = true
        recall?.foundExactly()
    }

    /// The width for an index that nothing is known of: `nil`, the default, up to 0.95. Sentence embeddings need less
    /// (docs/experiments/walks-and-codes.md), harder data more.
    private static func assumedWidth(target: Double, k: Int, efConstruct: Int) -> Int? {
        guard target > 0.95 else { return nil }
        let width = target <= 0.98 ? 256 : 512
        // Never narrower than the default, which grows with k and is no narrower than efConstruct.
        return max(k > 100 ? (width * k + 99) / 100 : width, efConstruct)
    }
}

/// The recall that a search is to have, and what is known of searches like it.
package struct RecallKnowledge: Sendable {
    /// Over 0, at most 1; `nil` where nobody asked for one.
    package var target: Double?
    package var source = Explanation.Recall.Source.request
    /// The curves that were measured for each kind of queries that this one may be of; empty for nothing.
    package var kinds: [RecallProfile.Curves] = []
    /// Whether the query is like those that were measured.
    package var isKnown = true
    /// What results score at least.
    package var floors: [SearchOptions.LeastScore] = []

    package init() {}

    /// What a request asks for, else the vector, else the collection. Under the shared lock.
    ///
    /// - Parameter query: as the index is searched with.
    init(
        _ parameters: SearchParameters, query: [Float], _ field: DenseField, _ configuration: CollectionConfiguration
    ) {
        guard parameters.hnswEf == nil, !parameters.exact else { return }
        if let asked = parameters.recall {
            target = asked
        } else if let own = configuration.parameters(of: field).hnsw?.recall {
            (target, source) = (own, .vector)
        } else if let shared = configuration.hnsw.recall {
            (target, source) = (shared, .collection)
        } else {
            return
        }
        guard let profile = field.recall.audit?.profile else { return }
        (kinds, isKnown) = profile.kinds(of: query)
        floors = profile.floors
    }
}

extension SearchParameters {
    /// Throws `.outOfRange` for a recall that can't be, and `.invalid` for one that is asked for beside what rules it out.
    func validate() throws {
        guard let recall else { return }
        try validateRecall(recall, "params.recall")
        if hnswEf != nil {
            throw EngineError.invalid(
                "`hnsw_ef` and `recall` can't both be given: the one is a width, the other chooses it")
        }
        if exact {
            throw EngineError.invalid(
                "`exact` and `recall` can't both be given: an exact search has a recall of 1")
        }
    }
}

/// Throws `.outOfRange` unless the recall is over 0 and at most 1.
package func validateRecall(_ recall: Double, _ field: String) throws {
    guard recall > 0, recall <= 1 else {
        throw EngineError.outOfRange(field: field, "value \(recall) invalid, must be over 0.0 and at most 1.0")
    }
}
