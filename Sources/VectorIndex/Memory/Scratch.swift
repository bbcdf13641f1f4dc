import CVectorKernels
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The working memory of one search or one insertion. Taken from the process-wide pool, so that nothing is allocated
/// for a search once the pool is warm. One thread at a time.
final class Scratch: @unchecked Sendable {
    // Unchecked: used by the one thread that took it from the pool.

    /// One byte a slot: equal to `epoch` when the running walk has met the slot.
    private(set) var marks: UnsafeMutablePointer<UInt8>
    private var markCapacity = 0
    private(set) var epoch: UInt8 = 0

    /// Slots gathered for scoring, and their ranks: fewer than those of two full lists.
    static let batchCapacity = 4 * IndexParameters.maximumM
    let batch: UnsafeMutablePointer<UInt32>
    let ranks: UnsafeMutablePointer<UInt32>
    /// Slots chosen as neighbours, and slots of a list under revision.
    let chosen: UnsafeMutablePointer<UInt32>
    let list: UnsafeMutablePointer<UInt32>
    let keep: UnsafeMutablePointer<UInt64>
    /// Places among candidates of the neighbours taken, and what a choice of neighbours left over; preceded by zero keys
    /// like the pool.
    let places: UnsafeMutablePointer<UInt32>
    let spares: UnsafeMutablePointer<UInt64>

    /// What a search has found by rougher scores and goes on from by finer ones: at most ``mostStarts`` slots.
    let starts: UnsafeMutablePointer<UInt32>
    var startCount = 0
    /// A slot that walks take for met, and that descents don't follow; ``Graph/sentinel`` for none.
    var hidden = Graph.sentinel
    static let mostStarts = 128

    /// Preceded by the zero keys that walking kernels want.
    private(set) var pool: UnsafeMutablePointer<UInt64>
    private var poolCapacity = 0
    /// Preceded by zero keys like the pool, both.
    private(set) var results: UnsafeMutablePointer<UInt64>
    private var resultCapacity = 0
    private(set) var best: UnsafeMutablePointer<UInt64>
    private var bestCapacity = 0

    /// 64-byte-aligned room for the query: as floats, and as the codes' query.
    private(set) var floats: UnsafeMutableRawPointer
    private var floatBytes = 0
    private(set) var query: UnsafeMutableRawPointer
    private var queryBytes = 0

    init() {
        marks = .allocate(capacity: 1)
        pool = Self.allocatePool(1)
        results = Self.allocatePool(1)
        best = Self.allocatePool(1)
        floats = .allocate(byteCount: 64, alignment: 64)
        query = .allocate(byteCount: 64, alignment: 64)
        batch = .allocate(capacity: Self.batchCapacity)
        ranks = .allocate(capacity: Self.batchCapacity)
        chosen = .allocate(capacity: Self.batchCapacity)
        list = .allocate(capacity: Self.batchCapacity)
        keep = .allocate(capacity: Self.batchCapacity)
        places = .allocate(capacity: Self.batchCapacity)
        starts = .allocate(capacity: Self.mostStarts)
        spares = Self.allocatePool(SpareNeighbours.room(2 * IndexParameters.maximumM))
    }

    deinit {
        free(marks)
        Self.deallocatePool(pool)
        Self.deallocatePool(results)
        Self.deallocatePool(best)
        floats.deallocate()
        query.deallocate()
        batch.deallocate()
        ranks.deallocate()
        chosen.deallocate()
        list.deallocate()
        keep.deallocate()
        places.deallocate()
        starts.deallocate()
        Self.deallocatePool(spares)
    }

    /// Starts a walk over slots below `count`: no slot is marked afterwards. O(1) but for every 255th walk.
    func beginWalk(_ count: Int) {
        if count > markCapacity {
            free(marks)
            markCapacity = max(count + count / 2, 4096)
            // calloc: large blocks come as untouched zero pages, so only the part in use costs memory.
            guard let fresh = calloc(markCapacity, 1) else { fatalError("out of memory: \(markCapacity) bytes") }
            marks = fresh.assumingMemoryBound(to: UInt8.self)
            epoch = 0
        }
        if epoch == .max {
            memset(marks, 0, markCapacity)
            epoch = 0
        }
        epoch += 1
        if hidden != Graph.sentinel, Int(hidden) < markCapacity { marks[Int(hidden)] = epoch }
    }

    func ensurePool(_ count: Int) { Self.ensure(&pool, &poolCapacity, count) }
    func ensureResults(_ count: Int) { Self.ensure(&results, &resultCapacity, count) }
    func ensureBest(_ count: Int) { Self.ensure(&best, &bestCapacity, count) }

    @inline(__always)
    private static func ensure(_ pool: inout UnsafeMutablePointer<UInt64>, _ capacity: inout Int, _ count: Int) {
        if count > capacity {
            deallocatePool(pool)
            capacity = max(count, 256)
            pool = allocatePool(capacity)
        }
    }

    private static func allocatePool(_ count: Int) -> UnsafeMutablePointer<UInt64> {
        let padding = Int(TVK_POOL_PADDING)
        let keys = UnsafeMutablePointer<UInt64>.allocate(capacity: padding + count)
        keys.update(repeating: 0, count: padding)
        return keys + padding
    }

    private static func deallocatePool(_ pool: UnsafeMutablePointer<UInt64>) {
        (pool - Int(TVK_POOL_PADDING)).deallocate()
    }

    func ensureFloats(_ bytes: Int) {
        if bytes > floatBytes {
            floats.deallocate()
            floatBytes = (bytes + 63) / 64 * 64
            floats = .allocate(byteCount: floatBytes, alignment: 64)
        }
    }

    func ensureQuery(_ bytes: Int) {
        if bytes > queryBytes {
            query.deallocate()
            queryBytes = (bytes + 63) / 64 * 64
            query = .allocate(byteCount: queryBytes, alignment: 64)
        }
    }

    /// Has the next walk begin from the first slots of `keys` as well, which are ranks and slots.
    func goOn(from keys: UnsafeMutableBufferPointer<UInt64>) {
        startCount = min(keys.count, Self.mostStarts)
        for i in 0..<startCount { starts[i] = Rank.slot(keys[i]) }
    }

    /// Bytes worth keeping; a scratch that once served a huge k is dropped instead.
    var isOversized: Bool { (poolCapacity + resultCapacity + bestCapacity) * 8 > 64 << 20 }
}

/// The scratches of the process, shared by all indexes: their number follows the searches running at once.
enum ScratchPool {
    private static let free = Mutex<[Scratch]>([])
    private static let largest = 64

    static func take() -> Scratch {
        free.withLock { $0.popLast() } ?? Scratch()
    }

    static func give(_ scratch: Scratch) {
        if scratch.isOversized { return }
        free.withLock { free in
            if free.count < largest { free.append(scratch) }
        }
    }

    @inline(__always)
    static func with<R>(_ body: (Scratch) throws -> R) rethrows -> R {
        let scratch = take()
        defer { give(scratch) }
        return try body(scratch)
    }
}
