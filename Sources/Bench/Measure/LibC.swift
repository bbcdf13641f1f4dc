import Foundation

/// Functions of the C library that Swift's import of it leaves out, looked up by name.
enum LibC {
    private typealias AffinityCall = @convention(c) (pid_t, Int, UnsafeMutableRawPointer) -> Int32
    private typealias TrimCall = @convention(c) (Int) -> Int32

    private typealias CreatePollCall = @convention(c) (Int32) -> Int32
    private typealias ControlPollCall = @convention(c) (Int32, Int32, Int32, UnsafeMutableRawPointer?) -> Int32
    private typealias WaitPollCall = @convention(c) (Int32, UnsafeMutableRawPointer, Int32, Int32) -> Int32

    private static let setAffinityCall = function("sched_setaffinity", as: AffinityCall.self)
    private static let getAffinityCall = function("sched_getaffinity", as: AffinityCall.self)
    private static let trimCall = function("malloc_trim", as: TrimCall.self)

    private static let createPollCall = function("epoll_create1", as: CreatePollCall.self)
    private static let controlPollCall = function("epoll_ctl", as: ControlPollCall.self)
    private static let waitPollCall = function("epoll_wait", as: WaitPollCall.self)

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

    /// The descriptor of a new epoll set, or −1 with `errno` set.
    static func createPoll() -> Int32 { createPollCall?(0) ?? -1 }

    /// Adds a descriptor to an epoll set. Returns 0, or −1 with `errno` set.
    static func addToPoll(_ poll: Int32, _ descriptor: Int32, _ event: UnsafeMutableRawPointer) -> Int32 {
        // EPOLL_CTL_ADD
        controlPollCall?(poll, 1, descriptor, event) ?? -1
    }

    /// Waits for events without a time limit. Returns their number, or −1 with `errno` set.
    static func waitForPoll(_ poll: Int32, _ events: UnsafeMutableRawPointer, capacity: Int) -> Int32 {
        waitPollCall?(poll, events, Int32(clamping: capacity), -1) ?? -1
    }
}
