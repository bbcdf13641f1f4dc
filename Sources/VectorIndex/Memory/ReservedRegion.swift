import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Why index memory could not be had.
public enum IndexMemoryError: Error, Equatable, Sendable {
    /// The system refused address space or pages.
    case outOfMemory(bytes: Int)
    /// The region reserved for this index is full.
    case capacityReached
}

/// Address space reserved in one piece and made usable step by step, so that pointers into it stay valid as it grows.
/// New memory reads as zeros and takes pages only where it is written. Huge pages are asked for once the region is
/// large enough that rounding up to them costs little.
final class ReservedRegion: @unchecked Sendable {
    // Unchecked: base never changes; who writes what behind it is the owner's affair.
    let base: UnsafeMutableRawPointer
    let reservedBytes: Int
    private let mapping: UnsafeMutableRawPointer
    private let mappedBytes: Int
    private let committed: Mutex<Int>

    static let hugePageBytes = 2 << 20
    /// From here on, huge pages.
    static let hugePageThresholdBytes = 8 << 20
    private static let smallestStepBytes = 256 << 10
    private static let largestStepBytes = 64 << 20

    init(reserving bytes: Int) throws(IndexMemoryError) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        reservedBytes = (max(bytes, 1) + page - 1) / page * page
        mappedBytes = reservedBytes + Self.hugePageBytes
        #if os(Linux)
            let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        #else
            let flags = MAP_PRIVATE | MAP_ANON
        #endif
        guard let address = mmap(nil, mappedBytes, PROT_NONE, flags, -1, 0), address != MAP_FAILED else {
            throw .outOfMemory(bytes: mappedBytes)
        }
        mapping = address
        base = address.alignedUp(toMultipleOf: Self.hugePageBytes)
        committed = Mutex(0)
    }

    deinit { munmap(mapping, mappedBytes) }

    /// Bytes of the region in memory now.
    var residentBytes: Int { residentPages(of: base, count: committed.withLock { $0 }) }

    /// Makes the first `bytes` usable. Any thread; O(1) when they are already.
    func commit(_ bytes: Int) throws(IndexMemoryError) {
        let failure: IndexMemoryError? = committed.withLock { committed in
            if bytes <= committed { return nil }
            if bytes > reservedBytes { return .capacityReached }
            let step = min(max(committed / 4, Self.smallestStepBytes), Self.largestStepBytes)
            // A multiple of every usual page size.
            let granule = Self.smallestStepBytes
            let goal = min((max(bytes, committed + step) + granule - 1) / granule * granule, reservedBytes)
            if mprotect(base + committed, goal - committed, PROT_READ | PROT_WRITE) != 0 {
                return .outOfMemory(bytes: goal - committed)
            }
            #if os(Linux)
                // The whole prefix each time: pieces with equal advice stay one mapping.
                if goal >= Self.hugePageThresholdBytes { madvise(base, goal, Int32(MADV_HUGEPAGE)) }
            #endif
            committed = goal
            return nil
        }
        if let failure { throw failure }
    }
}
