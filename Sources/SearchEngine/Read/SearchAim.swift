import VectorIndex

/// How hard a search tries: by a width, exactly, or by what is known of the index to find the recall that was asked for.
package struct SearchAim: Equatable {
    /// Width of the walk; `nil` takes the default.
    package private(set) var ef: Int?
    package private(set) var isExact = false
    /// What an explanation tells of a recall that was aimed at.
    package private(set) var recall: Explanation.Recall?

    /// What a request asks for, else the vector, else the collection. Under the shared lock.
    ///
    /// - Parameters:
    ///   - k: results.
    ///   - points: live points.
    init(
        _ parameters: SearchParameters, k: Int, points: Int, _ space: VectorSpace,
        _ configuration: CollectionConfiguration
    ) {
        guard parameters.hnswEf == nil, !parameters.exact else {
            self.init(ef: parameters.hnswEf, isExact: parameters.exact)
            return
        }
        let target: Double
        let source: Explanation.Recall.Source
        if let asked = parameters.recall {
            (target, source) = (asked, .request)
        } else if let own = configuration.vectors.values[space.number].hnsw?.recall {
            (target, source) = (own, .vector)
        } else if let shared = configuration.hnsw.recall {
            (target, source) = (shared, .collection)
        } else {
            self.init(ef: nil)
            return
        }
        self.init(
            target: target, source: source, k: k, points: points, efConstruct: space.index.parameters.efConstruct,
            curves: space.recall.audit?.curves ?? [])
    }

    init(ef: Int?, isExact: Bool = false) {
        self.ef = ef
        self.isExact = isExact
    }

    /// The narrowest width that is known to find the target, an exact search where none does, or an assumed width where
    /// nothing is known.
    ///
    /// - Parameters:
    ///   - target: over 0, at most 1.
    ///   - points: live points; no walk is wider.
    ///   - curves: what was measured, by ascending `k`; empty for nothing.
    package init(
        target: Double, source: Explanation.Recall.Source, k: Int, points: Int, efConstruct: Int,
        curves: [RecallCurve]
    ) {
        recall = Explanation.Recall(target: target, source: source, expected: nil, basis: .assumed)
        // More results than were measured take a walk that is wider by as much.
        let curve = curves.first { $0.k >= k } ?? curves.last
        guard target < 1 else {
            searchExactly()
            return
        }
        guard let curve, curve.queries >= RecallCurve.leastQueries else {
            ef = Self.assumedWidth(target: target, k: k, efConstruct: efConstruct).map { min($0, max(points, 1)) }
            return
        }
        guard let width = curve.width(for: target) else {
            searchExactly()
            return
        }
        let stretched = k > curve.k ? (width * k + curve.k - 1) / curve.k : width
        ef = min(max(stretched, k), max(points, 1))
        recall?.expected = curve.recall(at: width)
        recall?.basis = .measured
    }

    private mutating func searchExactly() {
        isExact = true
        recall?.expected = 1
        recall?.basis = .exact
    }

    /// The width for an index that nothing is known of: `nil`, the default, up to 0.95. Sentence embeddings need less
    /// (docs/PERFORMANCE.md), harder data more.
    private static func assumedWidth(target: Double, k: Int, efConstruct: Int) -> Int? {
        guard target > 0.95 else { return nil }
        let width = target <= 0.98 ? 256 : 512
        // Never narrower than the default, which grows with k and is no narrower than efConstruct.
        return max(k > 100 ? (width * k + 99) / 100 : width, efConstruct)
    }
}

extension SearchParameters {
    /// Throws `.invalid` for a recall that can't be, or that is asked for beside what rules it out.
    func validate() throws {
        guard let recall else { return }
        try validateRecall(recall, "params.recall")
        if hnswEf != nil {
            throw EngineError.invalid(
                "Wrong input: `hnsw_ef` and `recall` can't both be given: the one is a width, the other chooses it")
        }
        if exact {
            throw EngineError.invalid(
                "Wrong input: `exact` and `recall` can't both be given: an exact search has a recall of 1")
        }
    }
}

/// Throws `.invalid`, naming the field, unless the recall is over 0 and at most 1.
func validateRecall(_ recall: Double, _ field: String) throws {
    guard recall > 0, recall <= 1 else {
        throw EngineError.invalid("Wrong input: \(field): value \(recall) invalid, must be over 0.0 and at most 1.0")
    }
}
