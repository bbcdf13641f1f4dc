import Foundation

/// Functions of the C library that Swift's import of it leaves out, looked up by name.
enum LibC {
    private typealias AffinityCall = @convention(c) (pid_t, Int, UnsafeMutableRawPointer) -> Int32
    private typealias TrimCall = @convention(c) (Int) -> Int32

    private static let setAffinityCall = function("sched_setaffinity", as: AffinityCall.self)
    private static let getAffinityCall = function("sched_getaffinity", as: AffinityCall.self)
    private static let trimCall = function("malloc_trim", as: TrimCall.self)

    private static func function<Function>(_ name: String, as type: Function.Type) -> Function? {
        dlsym(nil, name).map { unsafeBitCast($0, to: type) }
    }

    /// Binds a thread (0: the calling one) to the set bits' cores. Returns 0, or −1 with `errno` set.
    static func setAffinity(_ thread: pid_t, _ mask: UnsafeMutableRawBufferPointer) -> Int32 {
        guard let call = setAffinityCall, let base = mask.baseAddress else { return -1 }
        return call(thread, mask.count, base)
    }

    /// Fills the mask with the cores of the calling thread. Returns −1 with `errno` set on failure.
    static func getAffinity(_ mask: UnsafeMutableRawBufferPointer) -> Int32 {
        guard let call = getAffinityCall, let base = mask.baseAddress else { return -1 }
        return call(0, mask.count, base)
    }

    /// Gives the allocator's free memory back to the system, where the C library can.
    static func trimMemory() { _ = trimCall?(0) }
}
