import Quantization

/// Chooses how the linked slots are searched, by measured costs.
enum Planner {
    enum Choice {
        /// Score every admitted slot.
        case scan
        /// Walk through all slots, collecting admitted ones.
        case walk
        /// Walk over admitted slots alone.
        case twoHop
    }

    // Costs, in the cost of scoring one code in a scan: 4 ns for reduced codes of 128 bytes, 11 ns for codes of 768, at
    // 50,000 sentence embeddings. A walk's scores come with the pool, the marks and the links.
    static let walkedScoreCost = 3.8
    static let collectedScoreCost = 6.2
    /// A score of a walk over admitted slots alone, and a list that it reads for what lies behind its slot. Where few slots are
    /// admitted there are more lists, where many are more scores: a hop costs the same from 3 % to 30 %, within a third.
    private static let twoHopScoreCost = 3.3
    private static let bridgeCost = 7.3
    private static let twoHopHopCost = 180.0
    /// Scores to arrive, and from there on a unit of width.
    private static let scoresToArrive = 300.0
    private static let scoresPerWidth = 14.5
    /// The width at which the keys that an insertion moves cost as much as everything else.
    private static let costlyWidth = 1000.0
    /// Hops that a walk over admitted slots takes besides one for each place of its width.
    private static let hopsToArrive = 12.0
    /// From this share of admitted slots on, collecting on the way beats two hops.
    private static let leastCollectingShare = 0.35

    /// The cheapest plan.
    ///
    /// - Parameters:
    ///   - linked: slots in the graph.
    ///   - admitted: those of them that may be returned.
    ///   - ef: the walk's width.
    ///   - prefersGraph: no scan, whatever a walk costs.
    static func plan(linked: Int, admitted: Int, ef: Int, prefersGraph: Bool = false) -> Choice {
        guard linked > 0, admitted > 0 else { return .scan }
        let scan = prefersGraph ? Double.infinity : Double(admitted)
        let plain = (scoresToArrive + scoresPerWidth * Double(ef)) * (1 + Double(ef) / costlyWidth)
        if admitted == linked { return scan <= plain * walkedScoreCost ? .scan : .walk }
        let share = Double(admitted) / Double(linked)
        if share >= leastCollectingShare {
            // To meet as many admitted slots the walk gets wider, but not in full proportion.
            let scores = plain * (1 + 0.75 * (1 / share - 1))
            return scan <= scores * collectedScoreCost ? .scan : .walk
        }
        return scan <= twoHopCost(ef: ef) ? .scan : .twoHop
    }

    /// What a walk over admitted slots alone will cost.
    static func twoHopCost(ef: Int) -> Double {
        (hopsToArrive + Double(ef)) * (1 + Double(ef) / costlyWidth) * twoHopHopCost
    }

    /// Up to so many admitted slots are scanned before a walk over them alone is begun: as many as it costs. Where the
    /// filter excludes what is near the query such a walk begins anywhere and may end among the wrong ones, so that a dearer
    /// scan is the better choice.
    ///
    /// - Parameters:
    ///   - share: of the slots that are admitted.
    ///   - shareNearby: of those near the query.
    static func scanLimit(ef: Int, share: Double, shareNearby: Double) -> Double {
        twoHopCost(ef: ef) * (2 * shareNearby < share ? costliestDetour : 1)
    }

    /// How many times as much as the walk.
    private static let costliestDetour = 4.0

    /// What a walk over admitted slots alone has cost.
    static func twoHopCost(scored: Int, bridged: Int) -> Double {
        twoHopScoreCost * Double(scored) + bridgeCost * Double(bridged)
    }

    /// Scores after which a walk has cost what scanning would have.
    static func budget(admitted: Int, scoreCost: Double) -> Int { Int(Double(admitted) / scoreCost) }

    /// The most candidates that are scanned in place of a walk while the linked slots haven't been looked for.
    static func mostScannedUnchecked(_ parameters: IndexParameters, _ scores: SearchPlan.Scores) -> Int {
        // Rows of 32 MiB take ten times as long as as many candidates by their codes.
        let mostBytes = scores == .rows ? 8 << 20 : 64 << 20
        return min(parameters.mostScannedUnchecked, mostBytes / max(parameters.scannedBytes(scores), 1))
    }

    /// The first early pass of the check begins when so many slots are linked: soon enough to be over when there are too many
    /// to be scanned.
    static func firstEarlyCheck(_ parameters: IndexParameters) -> Int {
        max(mostScannedUnchecked(parameters, parameters.scoresRows ? .rows : .codes) / 4 * 3, 2_048)
    }

    /// The most rows that are scored where a scan's codes can't tell: one or two milliseconds at 768 dimensions.
    static let mostRescored = 16_384

    /// Fewer rows are scanned by int8 codes at once: reducing the query costs what it would save.
    static let leastReducedScan = 768

    /// The most candidates of a rougher ranking that are ranked again one by one; a scan of all codes is cheaper than more.
    static func mostReranked(least: Int, admitted: Int) -> Int { max(2 * least, 512, min(admitted / 4, 16_384)) }

    /// From this width on a walk that ends among rivals which its ranking can't tell apart is repeated with a finer one.
    static let leastTellingEf = 32

    /// Candidates to rescore for k hits at least: int8 codes keep the true k best within their first 1.5·k. On average
    /// of 500 queries on 50,000 sentence embeddings their margin asks for no more.
    static func leastRescored(k: Int) -> Int { k + (k + 1) / 2 }
    /// Candidates to keep for that at least, for when the codes turn out to be off by more than their margin.
    static func leastKept(k: Int) -> Int { 3 * k }
    /// And at most, when more lie within the codes' margin, as among near-copies.
    static func mostRescored(k: Int) -> Int { 8 * k + 16 }
}
