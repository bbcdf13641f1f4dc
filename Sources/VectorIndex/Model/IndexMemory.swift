/// Bytes that an index has in memory. What lies in regions of its own is measured: pages that were touched.
public struct IndexMemory: Sendable, Equatable {
    /// int8 codes, their row terms and the quantizer.
    public var codes = 0
    /// Reduced codes and what reduces.
    public var reducedCodes = 0
    /// Links of the graph, and of one that is to take its place.
    public var links = 0
    /// One bit a slot: whether it is live.
    public var liveSlots = 0

    public var total: Int { codes + reducedCodes + links + liveSlots }

    public init(codes: Int = 0, reducedCodes: Int = 0, links: Int = 0, liveSlots: Int = 0) {
        self.codes = codes
        self.reducedCodes = reducedCodes
        self.links = links
        self.liveSlots = liveSlots
    }

    public static func += (sum: inout IndexMemory, other: IndexMemory) {
        sum.codes += other.codes
        sum.reducedCodes += other.reducedCodes
        sum.links += other.links
        sum.liveSlots += other.liveSlots
    }
}

extension VectorIndex {
    /// What the index has in memory. Any thread, without any lock of the caller's: it asks the kernel about every page.
    public var memory: IndexMemory {
        let (codes, graphs, liveSlots) = state.withLock { state in
            (state.codes, [state.links.graph, state.successor?.graph], state.alive.residentBytes)
        }
        return IndexMemory(
            codes: codes?.residentBytes ?? 0, reducedCodes: codes?.principal?.residentBytes ?? 0,
            links: graphs.reduce(0) { $0 + ($1?.residentBytes ?? 0) }, liveSlots: liveSlots)
    }
}
