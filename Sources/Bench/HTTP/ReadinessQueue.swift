import Foundation

/// Tells which of many descriptors have something to be read (epoll).
final class ReadinessQueue {
    /// The system's `struct epoll_event`: 32 bits of events, then 64 of the user's; packed on x86-64 alone.
    #if arch(x86_64)
        private static let stride = 12
        private static let dataOffset = 4
    #else
        private static let stride = 16
        private static let dataOffset = 8
    #endif
    private static let readable: UInt32 = 1  // EPOLLIN
    private static let capacity = 256

    private let descriptor: Int32
    private let events = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity * stride, alignment: 8)

    init() throws {
        descriptor = LibC.createPoll()
        guard descriptor >= 0 else { throw BenchError("epoll: \(String(cString: strerror(errno)))") }
    }

    deinit {
        close(descriptor)
        events.deallocate()
    }

    /// `number` is what `wait` tells of it.
    func add(_ watched: Int32, number: Int) throws {
        events.storeBytes(of: Self.readable, as: UInt32.self)
        events.storeBytes(of: UInt64(number), toByteOffset: Self.dataOffset, as: UInt64.self)
        guard LibC.addToPoll(descriptor, watched, events.baseAddress!) == 0 else {
            throw BenchError("epoll: \(String(cString: strerror(errno)))")
        }
    }

    /// Waits until some are ready, and calls `body` with their numbers.
    func wait(_ body: (Int) throws -> Void) throws {
        let count = LibC.waitForPoll(descriptor, events.baseAddress!, capacity: Self.capacity)
        guard count >= 0 || errno == EINTR else { throw BenchError("epoll: \(String(cString: strerror(errno)))") }
        for index in 0..<max(0, Int(count)) {
            let offset = index * Self.stride + Self.dataOffset
            try body(Int(events.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
        }
    }
}
