import Synchronization

/// A graph that ``GraphImage/write(to:)`` wrote, read and checked, but not yet seen with the rows that it is for.
public struct SavedGraph: Sendable {
    /// What an index that takes the graph is to be made with: the wanted parameters, with the graph's `m` and `efConstruct`.
    public let parameters: IndexParameters
    let graph: Graph
    let slots: Int
    /// The oldest of them that the last check had in front of it.
    let checkedSlots: Int

    /// Everything is checked as ``VectorIndex/load(from:parameters:rowCount:acceptsOtherSettings:)`` checks it.
    ///
    /// - Parameters:
    ///   - parameters: what the index is to be made for.
    ///   - rowCount: committed rows; the graph must not cover more.
    /// - Throws: ``IndexFileError``, and what the source throws.
    /// - Complexity: O(file bytes).
    public init(from source: any IndexByteSource, parameters: IndexParameters, rowCount: Int) throws {
        var bare = parameters
        bare.codec = .none
        let index = try VectorIndex.load(from: source, parameters: bare, rowCount: rowCount, acceptsOtherSettings: true)
        let links = index.state.withLock { $0.links }
        guard index.parameters.codec == .none, let graph = links.graph else {
            throw IndexFileError.mismatched("it is no graph without codes")
        }
        bare = index.parameters
        bare.codec = parameters.codec
        self.parameters = bare
        self.graph = graph
        slots = links.linked
        checkedSlots = links.reach.covered
    }
}

extension VectorIndex {
    /// Slots that are looked for before a graph is taken.
    private static let looksBeforeAdoption = 1_000
    /// The share of them that may be missed. The background mends a few; where it is more, linking anew costs less than
    /// mending, or the graph belongs to other rows.
    private static let mostMissed = 0.1

    /// Takes a saved graph over the published rows as its own, so that only the slots behind it are left to be linked. To be
    /// called once, after the rows are published and before anything else is asked of the index; which is of no use if this
    /// throws.
    ///
    /// The codes are made from the rows. That takes a small part of the time that linking would, and nothing that a file says
    /// can make them differ from the rows. A random sample of the slots is looked for by the graph, so that one of other rows
    /// is noticed.
    ///
    /// - Throws: ``IndexFileError`` when the graph doesn't lead to the rows, or there are too few for any graph.
    /// - Complexity: O(rows), and a search for each slot of the sample.
    public func adopt(_ saved: SavedGraph, using random: inout some RandomNumberGenerator) throws {
        precondition(parameters == saved.parameters, "a graph of other parameters")
        guard state.withLock({ needsBuild($0) && $0.published >= saved.slots }) else {
            throw IndexFileError.mismatched("there are too few points for a graph")
        }
        let (seen, published, rows) = state.withLock { ($0.alive.count, $0.published, $0.rows) }
        do throws(IndexMemoryError) {
            let store = try trainedStore()
            if let store, let rows {
                let scratch = ScratchPool.take()
                defer { ScratchPool.give(scratch) }
                try withExtendedLifetime(rows.owner) { () throws(IndexMemoryError) in
                    try store.append(rows, upTo: published, scratch: scratch)
                }
            }
            state.withLock { state in
                state.codes = store
                state.links = LinkProgress(
                    graph: saved.graph, nextSlot: saved.slots, linked: saved.slots,
                    reach: ReachCheck(covered: saved.checkedSlots))
                state.trainedCount = seen
            }
        } catch {
            throw IndexFileError.memory(error)
        }
        // Walks of a graph without an entry point find nothing, and count nothing as missed.
        guard saved.graph.entry.load(ordering: .acquiring) != .max else {
            throw IndexFileError.damaged("a graph without an entry point")
        }
        let sample = (0..<Self.looksBeforeAdoption).map { _ in Int.random(in: 0..<saved.slots, using: &random) }
        let (looked, missed) = unreachedSlots(among: sample)
        guard Double(missed) <= Self.mostMissed * Double(looked) else {
            throw IndexFileError.mismatched("it doesn't lead to \(missed) of \(looked) rows")
        }
    }
}
