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

    // Costs, in the cost of scoring one code in a scan (some 30 ns at 768 dimensions).
    /// A score in a walk: random access, pool and marks.
    static let walkedScoreCost = 1.6
    /// Scores that a walk of width ef takes, a unit of ef, once it has arrived.
    static let scoresPerWidth = 10.0
    /// Scores to arrive.
    static let scoresToArrive = 250.0
    /// From this share of admitted slots on, collecting on the way beats two hops.
    static let leastCollectingShare = 0.35

    /// The cheapest plan.
    static func plan(linked: Int, admitted: Int, ef: Int, isFiltered: Bool) -> Choice {
        guard linked > 0, admitted > 0 else { return .scan }
        let share = Double(admitted) / Double(linked)
        let plain = (scoresToArrive + scoresPerWidth * Double(ef)) * walkedScoreCost
        // Collecting, the walk has to meet 1/share as many slots.
        let walk = share >= leastCollectingShare ? plain / share : plain * 2
        if Double(admitted) <= walk { return .scan }
        return share >= leastCollectingShare ? .walk : .twoHop
    }

    /// Most slots that a filtered walk may score before scanning is the better choice.
    static func budget(admitted: Int) -> Int { Int(Double(admitted) / walkedScoreCost) }

    /// The walk's width when none is asked for.
    static func defaultEf(_ parameters: IndexParameters, k: Int) -> Int {
        max(parameters.efConstruct, 128, 2 * k)
    }

    /// Candidates to rescore for k hits: int8 codes keep the true k best within their first 1.5·k.
    static func rescoredCount(k: Int) -> Int { 2 * k + 4 }
}
