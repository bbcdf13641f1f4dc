import CVectorKernels
import TestSupport
import Testing

/// Every level's walk must leave the pool that a plain best-first search leaves.
struct WalkKernelTests {
    /// A random graph over random rows, with lists of every length and links past the limit.
    struct Case {
        let rowCount: Int
        let degree: Int
        let linkStride: Int
        let n: Int
        let limit: UInt32
        let rows: Guarded<UInt8>
        let links: Guarded<UInt32>
        let query: Guarded<UInt8>

        init(nibbles: Bool, _ random: inout SeededGenerator) {
            let rowCount = Int.random(in: 1...600, using: &random)
            let degree = Int.random(in: 1...70, using: &random)
            let linkStride = degree + Int.random(in: 0...5, using: &random)
            self.rowCount = rowCount
            self.degree = degree
            self.linkStride = linkStride
            n = nibbles ? 128 * Int.random(in: 1...2, using: &random) : Int.random(in: 1...100, using: &random)
            limit = UInt32(Int.random(in: 1...rowCount, using: &random))
            // Few different bytes, so that many ranks are equal.
            rows = Guarded(count: rowCount * (nibbles ? n / 2 : n)) { _ in .random(in: 126...130, using: &random) }
            query = Guarded(count: n) { _ in .random(in: 0...3, using: &random) }
            links = Guarded(count: rowCount * linkStride) { _ in TVK_NO_LINK }
            for row in 0..<rowCount {
                for i in 0..<Int.random(in: 0...degree, using: &random) {
                    links.pointer[row * linkStride + i] = .random(in: 0..<UInt32(rowCount), using: &random)
                }
            }
        }

        /// What the pool should hold after `hops` expansions. With a filter it ends with the `wanted`th admitted slot.
        func expected(
            _ scorer: tvk_code_scorer, stride: Int, capacity: Int, flip: UInt32, hops: Int,
            filter: (admits: (UInt32) -> Bool, wanted: Int)?
        ) -> [UInt64] {
            func key(_ slot: UInt32) -> UInt64 {
                let rank = UInt32(bitPattern: scorer.pair(query.pointer, rows.pointer + Int(slot) * stride, n)) ^ flip
                return UInt64(rank) << 32 | UInt64(slot) << 1
            }
            var met: Set<UInt32> = [0]
            var pool = [key(0)]
            for _ in 0..<hops {
                guard let next = pool.firstIndex(where: { $0 & 1 == 0 }) else { break }
                pool[next] |= 1
                let slot = Int(UInt32(truncatingIfNeeded: pool[next]) >> 1)
                for i in 0..<degree {
                    let link = links.pointer[slot * linkStride + i]
                    if link == TVK_NO_LINK { break }
                    if link < limit, met.insert(link).inserted { pool.append(key(link)) }
                }
                pool.sort()
                if let filter {
                    let admitted = pool.indices.filter { filter.admits(UInt32(truncatingIfNeeded: pool[$0]) >> 1) }
                    if admitted.count >= filter.wanted {
                        pool.removeLast(pool.count - 1 - admitted[filter.wanted - 1])
                    }
                }
                if pool.count > capacity { pool.removeLast(pool.count - capacity) }
            }
            return pool
        }

        /// The list of a slot.
        private func links(_ slot: Int) -> [UInt32] {
            let list = (0..<degree).map { links.pointer[slot * linkStride + $0] }
            return list.prefix { $0 != TVK_NO_LINK }.filter { $0 < limit }
        }

        /// What a walk over admitted slots alone should have done after `hops` expansions.
        func expectedTwoHop(
            _ scorer: tvk_code_scorer, stride: Int, capacity: Int, flip: UInt32, hops: Int, enough: Int,
            admits: (UInt32) -> Bool
        ) -> TwoHop {
            func key(_ slot: UInt32) -> UInt64 {
                let rank = UInt32(bitPattern: scorer.pair(query.pointer, rows.pointer + Int(slot) * stride, n)) ^ flip
                return UInt64(rank) << 32 | UInt64(slot) << 1
            }
            var met: Set<UInt32> = [0]
            var result = TwoHop(pool: [key(0)])
            for _ in 0..<hops {
                guard let next = result.pool.firstIndex(where: { $0 & 1 == 0 }) else { break }
                result.pool[next] |= 1
                let list = links(Int(UInt32(truncatingIfNeeded: result.pool[next]) >> 1))
                let bridges = list.filter { !admits($0) && !met.contains($0) }
                var admitted = list.count(where: admits)
                var found = list.filter { admits($0) && met.insert($0).inserted }
                for bridge in bridges where admitted < enough {
                    met.insert(bridge)
                    result.bridged += 1
                    let behind = links(Int(bridge)).filter { admits($0) && met.insert($0).inserted }
                    admitted += behind.count
                    found += behind
                }
                result.scored += found.count
                result.pool = (result.pool + found.map(key)).sorted()
                if result.pool.count > capacity { result.pool.removeLast(result.pool.count - capacity) }
            }
            return result
        }
    }

    /// Everything that a walk over admitted slots alone has done after `hops` expansions.
    struct TwoHop: Equatable {
        var pool: [UInt64]
        var scored = 0
        var bridged = 0
    }

    @Test(arguments: Level.available, [(false, false), (false, true), (true, false), (true, true)])
    func equalsPlainSearch(level: Level, kind: (nibbles: Bool, filtered: Bool)) {
        let nibbles = kind.nibbles
        var random = SeededGenerator()
        let scorer = nibbles ? level.kernels.pointee.dot_u4i8 : level.kernels.pointee.dot_u8i8
        for _ in 0..<150 {
            let graph = Case(nibbles: nibbles, &random)
            let stride = nibbles ? graph.n / 2 : graph.n
            let capacity = Int.random(in: 1...120, using: &random)
            let flip: UInt32 = Bool.random(using: &random) ? 0x7FFF_FFFF : 0
            let padding = Int(TVK_POOL_PADDING)
            let keys = Guarded<UInt64>(count: padding + capacity) { _ in 0 }
            let marks = Guarded<UInt8>(count: Int(graph.limit)) { _ in 3 }
            let batch = Guarded<UInt32>(count: graph.degree) { _ in 0 }
            let ranks = Guarded<UInt32>(count: graph.degree) { _ in 0 }
            let words = Guarded<UInt64>(count: graph.rowCount / 64 + 1) { _ in
                .random(in: .min ... .max, using: &random)
            }
            func admits(_ slot: UInt32) -> Bool { words.pointer[Int(slot >> 6)] >> UInt64(slot & 63) & 1 == 1 }
            let wanted = Int.random(in: 1...40, using: &random)
            let start = UInt32(bitPattern: scorer.pair(graph.query.pointer, graph.rows.pointer, graph.n)) ^ flip
            keys.pointer[padding] = UInt64(start) << 32
            marks.pointer[0] = 7
            var walk = tvk_walk(
                query: graph.query.pointer, codes: graph.rows.pointer, stride: stride, n: graph.n, flip: flip,
                limit: graph.limit, links: graph.links.pointer, link_stride: graph.linkStride, degree: graph.degree,
                marks: marks.pointer, epoch: 7, pool: keys.pointer + padding, capacity: capacity, count: 1, cursor: 0,
                admitted: kind.filtered ? UnsafePointer(words.pointer) : nil, wanted: wanted,
                found: kind.filtered && admits(0) ? 1 : 0, admitted_scored: 0, batch: batch.pointer,
                ranks: ranks.pointer, bridges: nil, hop_limit: .random(in: 1...9, using: &random), hops: 0,
                scored: 0, bridged: 0)
            while true {
                let hops = walk.hops
                scorer.walk(&walk)
                let expected = graph.expected(
                    scorer, stride: stride, capacity: capacity, flip: flip, hops: walk.hops,
                    filter: kind.filtered ? (admits, wanted) : nil)
                let pool = (0..<walk.count).map { keys.pointer[padding + $0] }
                #expect(pool == expected)
                if kind.filtered {
                    #expect(walk.found == pool.count { admits(UInt32(truncatingIfNeeded: $0) >> 1) })
                }
                if pool != expected || walk.hops == hops { break }
            }
            #expect((0..<padding).allSatisfy { keys.pointer[$0] == 0 })
        }
    }

    @Test(arguments: Level.available, [false, true])
    func overAdmittedSlotsEqualsPlainSearch(level: Level, nibbles: Bool) {
        var random = SeededGenerator()
        let scorer = nibbles ? level.kernels.pointee.dot_u4i8 : level.kernels.pointee.dot_u8i8
        for _ in 0..<150 {
            let graph = Case(nibbles: nibbles, &random)
            let stride = nibbles ? graph.n / 2 : graph.n
            let capacity = Int.random(in: 1...120, using: &random)
            let flip: UInt32 = Bool.random(using: &random) ? 0x7FFF_FFFF : 0
            let padding = Int(TVK_POOL_PADDING)
            let keys = Guarded<UInt64>(count: padding + capacity) { _ in 0 }
            let marks = Guarded<UInt8>(count: Int(graph.limit)) { _ in 3 }
            let batch = Guarded<UInt32>(count: 2 * graph.degree) { _ in 0 }
            let ranks = Guarded<UInt32>(count: 2 * graph.degree) { _ in 0 }
            let bridges = Guarded<UInt32>(count: graph.degree) { _ in 0 }
            // One slot of two, or of four, eight, sixteen.
            let thinning = Int.random(in: 1...4, using: &random)
            let words = Guarded<UInt64>(count: graph.rowCount / 64 + 1) { _ in
                (0..<thinning).reduce(UInt64.max) { word, _ in word & .random(in: .min ... .max, using: &random) }
            }
            func admits(_ slot: UInt32) -> Bool { words.pointer[Int(slot >> 6)] >> UInt64(slot & 63) & 1 == 1 }
            let enough = Int.random(in: 1...graph.degree, using: &random)
            let start = UInt32(bitPattern: scorer.pair(graph.query.pointer, graph.rows.pointer, graph.n)) ^ flip
            keys.pointer[padding] = UInt64(start) << 32
            marks.pointer[0] = 7
            var walk = tvk_walk(
                query: graph.query.pointer, codes: graph.rows.pointer, stride: stride, n: graph.n, flip: flip,
                limit: graph.limit, links: graph.links.pointer, link_stride: graph.linkStride, degree: graph.degree,
                marks: marks.pointer, epoch: 7, pool: keys.pointer + padding, capacity: capacity, count: 1, cursor: 0,
                admitted: UnsafePointer(words.pointer), wanted: enough, found: 0, admitted_scored: 0,
                batch: batch.pointer, ranks: ranks.pointer, bridges: bridges.pointer,
                hop_limit: .random(in: 1...9, using: &random), hops: 0, scored: 0, bridged: 0)
            while true {
                let hops = walk.hops
                scorer.walk_two_hop(&walk)
                let expected = graph.expectedTwoHop(
                    scorer, stride: stride, capacity: capacity, flip: flip, hops: walk.hops, enough: enough,
                    admits: admits)
                let pool = (0..<walk.count).map { keys.pointer[padding + $0] }
                let done = TwoHop(pool: pool, scored: walk.scored, bridged: walk.bridged)
                #expect(done == expected)
                if done != expected || walk.hops == hops { break }
            }
            #expect((0..<padding).allSatisfy { keys.pointer[$0] == 0 })
        }
    }
}
