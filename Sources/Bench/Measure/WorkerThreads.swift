import Foundation
import Synchronization

/// Runs `body` on `count` threads of their own and waits for all. Rethrows the first error.
///
/// Threads, and no concurrent queue: a blocking body must not wait for a place in somebody's pool.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    let failure = FirstFailure()
    let group = DispatchGroup()
    for index in 0..<count {
        group.enter()
        let thread = Thread {
            defer { group.leave() }
            do { try body(index) } catch { failure.keep(error) }
        }
        thread.stackSize = 8 << 20
        thread.start()
    }
    group.wait()
    if let error = failure.error { throw error }
}

private final class FirstFailure: Sendable {
    private let stored = Mutex<(any Error)?>(nil)
    var error: (any Error)? { stored.withLock { $0 } }
    func keep(_ error: any Error) { stored.withLock { if $0 == nil { $0 = error } } }
}

/// A list that several threads append to.
final class Gathered<Element: Sendable>: Sendable {
    private let stored = Mutex<[Element]>([])
    var elements: [Element] { stored.withLock { $0 } }
    func append(_ element: Element) { stored.withLock { $0.append(element) } }
}
