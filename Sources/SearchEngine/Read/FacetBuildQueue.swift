import Dispatch
import Synchronization

/// Builds of payload indexes that somebody waits for only so long. A build that has begun goes on when the time is up,
/// so that the next request finds it done; one that nobody waits for any more is not begun.
final class FacetBuildQueue: Sendable {
    private final class Build: Sendable {
        let isDone = DispatchGroup()
        let outcome = Mutex<Result<Void, any Error>?>(nil)
        /// Under the queue's lock.
        nonisolated(unsafe) var waiters = 1
    }

    private let queue = DispatchQueue(label: "trendex-facets")
    private let builds = Mutex<[Set<FacetKey>: Build]>([:])

    /// Waits for a build of the facets, and starts one unless it is under way. Throws `.timeout`, and what `body` throws.
    func wait(for keys: Set<FacetKey>, until deadline: Deadline, _ body: @escaping @Sendable () throws -> Void) throws {
        let build = builds.withLock { builds in
            if let build = builds[keys] {
                build.waiters += 1
                return build
            }
            let build = Build()
            builds[keys] = build
            build.isDone.enter()
            queue.async { [self] in run(build, keys, body) }
            return build
        }
        let result = build.isDone.wait(timeout: deadline.dispatchTime)
        builds.withLock { _ in build.waiters -= 1 }
        guard result == .success else { throw timedOut("Index") }
        try build.outcome.withLock { $0 }?.get()
    }

    private func run(_ build: Build, _ keys: Set<FacetKey>, _ body: () throws -> Void) {
        let isWanted = builds.withLock { builds in
            if build.waiters == 0 { builds[keys] = nil }
            return build.waiters > 0
        }
        if isWanted {
            let outcome = Result { try body() }
            build.outcome.withLock { $0 = outcome }
            builds.withLock { $0[keys] = nil }
        }
        build.isDone.leave()
    }
}
