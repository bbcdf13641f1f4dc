import Quantization
import Synchronization

/// The search structure of one named vector: one live graph that takes slots while it is searched, int8 codes that walks
/// score, and the stored rows that the best candidates are scored by again.
///
/// Slots pass through three states: *published* (in the stored rows, found by scanning), *encoded* (has a code) and
/// *linked* (in the graph). The published ones that aren't linked are the *tail*; each search scans it, so that a slot is
/// found from its publication on. Small indexes have neither codes nor graph and are scanned.
///
/// Threads: ``publish(rows:count:absent:)`` and ``remove(_:)`` want a lock that excludes each other; everything else goes without.
public final class VectorIndex: Sendable {
    public let parameters: IndexParameters
    /// Read once for many; guarded against nothing but a torn read. Never held while scoring.
    let state: Mutex<IndexState>
    /// Held while the codec is trained.
    let training = Mutex<Void>(())

    /// - Precondition: dimensions in 1…65,536 and efConstruct at least 1.
    public init(_ parameters: IndexParameters) {
        precondition((1...IndexParameters.maximumDimensions).contains(parameters.dimensions))
        precondition(parameters.efConstruct >= 1)
        self.parameters = parameters
        state = Mutex(IndexState(keepsCodes: parameters.codec != .none))
    }

    // MARK: Counters

    /// Slots that have been published, whether they are live or not.
    public var publishedCount: Int { state.withLock { $0.published } }

    /// Published slots that have a vector and aren't removed.
    public var liveCount: Int { state.withLock { $0.alive.count } }

    /// Slots that the graph covers: all below this count are linked, or were removed before they could be. Without a
    /// graph, slots that have a code.
    public var linkedCount: Int {
        state.withLock { parameters.effectiveM == 0 ? $0.encodedCount : $0.links.linked }
    }

    /// Those of the ``linkedCount`` slots that are live.
    public var liveLinkedCount: Int {
        state.withLock { state in
            let linked = parameters.effectiveM == 0 ? state.encodedCount : state.links.linked
            return state.alive.count(0, min(linked, state.published))
        }
    }

    /// Live slots that are to be linked (without a graph: encoded) but aren't yet, into the next graph if there is to be
    /// one. 0 for an index too small to need it.
    public var pendingCount: Int {
        state.withLock { state in
            guard state.isBuilt || needsBuild(state) else { return 0 }
            let done = parameters.effectiveM == 0 ? state.encodedCount : (state.successor ?? state.links).linked
            return state.alive.count(done, min(state.published, state.end))
        }
    }

    /// Goes up when codes or graph are replaced by others: what was measured of the former says little of the latter.
    public var revision: Int { state.withLock { $0.revision } }

    /// Whether walks rank by reduced codes first.
    package var hasReducedCodes: Bool { state.withLock { $0.codes?.principal != nil } }

    /// Why slots from some point on can't be encoded or linked, or `nil` when all can. They are still found, by scanning.
    public var limitation: IndexMemoryError? { state.withLock { $0.limitation } }

    // MARK: Writing

    /// Makes rows [old count, count) searchable. Under the exclusive lock.
    ///
    /// - Parameters:
    ///   - rows: all rows, the earlier ones included and unchanged.
    ///   - count: slots in `rows`; not less than before.
    ///   - absent: slots of the new range that have no vector.
    /// - Complexity: O(new slots / 64 + absent), amortised.
    public func publish(rows: RowMatrix, count: Int, absent: [UInt32]) {
        precondition(rows.rowBytes == parameters.rowBytes, "rows of another size")
        state.withLock { state in
            precondition(count >= state.published && count <= Self.maximumSlots)
            let old = state.published
            state.alive.append(count - old)
            for slot in absent where slot >= old && slot < count { _ = state.alive.remove(Int(slot)) }
            state.rows = rows
            state.published = count
        }
    }

    /// Slots are numbered below this: walks keep one bit of a slot's word for themselves.
    public static let maximumSlots = Int(Int32.max) - 1

    /// Makes slots tombstones: they are never returned again, but walks still pass through them. Under the exclusive lock.
    ///
    /// - Complexity: O(slots).
    public func remove(_ slots: [UInt32]) {
        state.withLock { state in
            for slot in slots where slot < state.published { _ = state.alive.remove(Int(slot)) }
        }
    }

    /// The exact score of a published slot's row; greater is closer.
    ///
    /// - Precondition: the query has `dimensions` elements and the slot is published.
    public func score(_ query: UnsafeBufferPointer<Float>, slot: UInt32) -> Float {
        let rows: RowMatrix? = state.withLock { slot < $0.published ? $0.rows : nil }
        guard let rows, let base = query.baseAddress, query.count == parameters.dimensions else {
            preconditionFailure("score of slot \(slot) without a row, or a query of \(query.count) elements")
        }
        return withExtendedLifetime(rows.owner) { RowScorer(parameters, base, rows).score(Int(slot)) }
    }
}

/// What changes in an index, under its short lock.
struct IndexState: ~Copyable {
    let keepsCodes: Bool
    var rows: RowMatrix?
    var published = 0
    var alive = LiveSlots()
    var codes: CodeStore?
    /// The graph that is searched.
    var links = LinkProgress()
    /// The graph that takes its place once it has as many slots: its links are chosen by better codes.
    var successor: LinkProgress?
    /// Slots from here on can't be encoded or linked; `limitation` says why.
    var end = Int.max
    var limitation: IndexMemoryError?
    /// Live slots when the codec was last trained.
    var trainedCount = 0
    /// Times that codes or graph have been replaced.
    var revision = 0

    init(keepsCodes: Bool) { self.keepsCodes = keepsCodes }

    /// Whether there are codes, or without them a graph.
    var isBuilt: Bool { keepsCodes ? codes != nil : links.graph != nil }

    /// Slots that can be linked: those with a code, or without codes all in the graph's reach.
    var encodedCount: Int { keepsCodes ? codes?.encodedCount ?? 0 : links.graph == nil ? 0 : published }

    mutating func limit(to end: Int, _ reason: IndexMemoryError) {
        self.end = min(self.end, end)
        limitation = limitation ?? reason
    }

    /// Takes the next slot to be linked, for the graph that it is to be linked into.
    mutating func claimSlot() -> (slot: Int, graph: Graph)? {
        let goal = min(encodedCount, published, end)
        return successor == nil ? links.claim(below: goal) : successor?.claim(below: goal)
    }

    /// Says that a claimed slot has been linked. One of a graph that has been replaced meanwhile doesn't count.
    mutating func settle(_ slot: Int, in graph: Graph) {
        if links.graph === graph { links.settle(slot, end: end) }
        guard successor?.graph === graph else { return }
        successor?.settle(slot, end: end)
        if let fresh = successor, fresh.linked >= links.linked {
            links = fresh
            successor = nil
            revision += 1
        }
    }
}

/// A graph, and how far it is.
struct LinkProgress {
    var graph: Graph?
    /// The next slot to be linked.
    var nextSlot = 0
    /// All slots below are in the graph, or dead.
    var linked = 0
    /// Slots being linked just now.
    var inFlight: [Int] = []
    /// The check of the slots that are in the graph.
    var reach = ReachCheck()

    mutating func claim(below goal: Int) -> (slot: Int, graph: Graph)? {
        guard let graph, nextSlot < goal else { return nil }
        inFlight.append(nextSlot)
        nextSlot += 1
        return (nextSlot - 1, graph)
    }

    mutating func settle(_ slot: Int, end: Int) {
        if let i = inFlight.firstIndex(of: slot) { inFlight.remove(at: i) }
        linked = min(inFlight.min() ?? nextSlot, end, nextSlot)
    }
}
