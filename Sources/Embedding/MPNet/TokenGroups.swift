/// Which texts are computed together.
enum TokenGroups {
    /// The most tokens of a group, but for a text that is longer. Enough that weights are read from memory much more
    /// seldom than they are multiplied with; few enough that a group's states stay in the second- and third-level cache.
    static let mostTokens = 384
    /// Smaller groups than this aren't made for the sake of threads.
    private static let fewestTokens = 48

    /// Puts texts in groups of about the same number of tokens, longest texts first, so that threads end at about the
    /// same time and texts of a group are of similar length.
    ///
    /// - Parameters:
    ///   - counts: Tokens of each text.
    ///   - threads: How many will take groups.
    /// - Returns: Indexes of texts, each in one group.
    static func make(_ counts: [Int], threads: Int) -> [[Int]] {
        let total = counts.reduce(0, +)
        let share = (total + threads - 1) / threads
        let most = min(max(share, fewestTokens), mostTokens)
        var groups: [[Int]] = []
        var tokens = 0
        for index in counts.indices.sorted(by: { (counts[$1], $0) < (counts[$0], $1) }) {
            if groups.isEmpty || tokens + counts[index] > most {
                groups.append([])
                tokens = 0
            }
            groups[groups.count - 1].append(index)
            tokens += counts[index]
        }
        return groups
    }
}
