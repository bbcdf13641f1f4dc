extension Graph {
    // Links of a list that need not be diverse. A list of diverse neighbours alone is short, two thirds of what it has room
    // for on sentence embeddings, and filled up a walk arrives at the same recall with a third fewer hops. Some room stays
    // free, so that not every link that comes later calls for a new choice.

    /// How far the list of a new slot is filled up.
    static func filledWhenNew(_ degree: Int) -> Int { degree * 5 / 8 }
    /// How far a list that was full is filled up again.
    static func filledWhenRevised(_ degree: Int) -> Int { degree * 3 / 4 }

    /// The diversity heuristic (Malkov, Yashunin, algorithm 4): a candidate is taken if it is closer to the node than to
    /// every neighbour taken before it. Where that leaves the list short, it is filled up with those that were passed over
    /// by the least: the closest to the node in comparison with the neighbour that stood in their way. (Vamana's second
    /// pass with a relaxed condition serves the same end; this one costs no further score.)
    ///
    /// Equal vectors are neither allowed to fill a list (a group of more than `degree` of them would be cut off from the
    /// rest) nor to push others out of it: a few are taken. Copies of a candidate don't fill a list either.
    ///
    /// - Parameters:
    ///   - keys: rank and slot of each candidate, best first.
    ///   - filling: number of neighbours, at most `degree`, up to which a short list is filled.
    /// - Returns: how many slots were written to `out` (`scratch.chosen` by default), at most `degree`, best first.
    func selectDiverse<P: PairScorer>(
        of node: UInt32, from keys: UnsafePointer<UInt64>, count: Int, degree: Int, filling: Int, pairs: P,
        scratch: Scratch, into out: UnsafeMutablePointer<UInt32>? = nil
    ) -> Int {
        let out = out ?? scratch.chosen
        let ranks = scratch.ranks
        let places = scratch.places
        var spares = SpareNeighbours(keys: scratch.spares, capacity: filling)
        var taken = 0
        var equals = 0
        var itself = node
        pairs.ranks(from: node, &itself, 1, ranks)
        let equalRank = ranks[0]
        let mostEquals = max(1, degree / 8)
        next: for i in 0..<count {
            if taken == degree { break }
            let slot = Rank.slot(keys[i])
            let rank = Rank.rank(keys[i])
            if rank == equalRank {
                if equals == mostEquals { continue }
                equals += 1
            }
            // In pieces: the closest neighbours, which come first, are the likeliest to rule a candidate out.
            var start = 0
            while start < taken {
                let size = min(taken - start, 8)
                pairs.ranks(from: slot, out + start, size, ranks)
                var least = rank
                for j in 0..<size { least = min(least, ranks[j]) }
                if least < rank {
                    // As far from the node as the candidate before it: most likely a copy of that.
                    let isCopy = i > 0 && Rank.rank(keys[i - 1]) == rank
                    if !isCopy, rank != equalRank { spares.offer(i, excess: pairs.excess(of: least, over: rank)) }
                    continue next
                }
                start += size
            }
            out[taken] = slot
            places[taken] = UInt32(i)
            taken += 1
        }
        return spares.fill(out, places, taken, upTo: filling, keys)
    }
}
