import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Short locks for many objects: object i is guarded by lock `i % count`. A thread holds at most one of them at a time,
/// so sharing a lock costs a wait but can't deadlock.
struct SpinLocks: @unchecked Sendable {
    // Unchecked: the pointer is constant and what it points at is atomic.
    static let count = 1024
    static let bytes = count * MemoryLayout<Atomic<UInt32>>.stride
    private let locks: UnsafeMutablePointer<Atomic<UInt32>>

    init() {
        locks = .allocate(capacity: Self.count)
        for i in 0..<Self.count { (locks + i).initialize(to: Atomic(0)) }
    }

    func deallocate() { locks.deallocate() }

    @inline(__always)
    func lock(_ i: UInt32) {
        let lock = locks + Int(i) % Self.count
        var spins = 0
        while lock.pointee.exchange(1, ordering: .acquiring) != 0 {
            repeat {
                spins += 1
                if spins & 63 == 0 { sched_yield() }
            } while lock.pointee.load(ordering: .relaxed) != 0
        }
    }

    @inline(__always)
    func unlock(_ i: UInt32) {
        locks[Int(i) % Self.count].store(0, ordering: .releasing)
    }
}
