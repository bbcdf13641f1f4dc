import NIOPosix
import SearchEngine
import Services

/// The threads on which requests are worked on, apart from the event loops, which must never wait, and from the
/// cooperative pool, where a few milliseconds of arithmetic would delay everyone.
final class Workers: Sendable {
    /// Decoding, searching, encoding: as many threads as may be busy at once.
    private let computePool: NIOThreadPool
    /// The same for requests with large bodies, uploads above all: milliseconds of decoding, behind which no search has to
    /// queue. The system shares the cores between them.
    private let bulkPool: NIOThreadPool
    /// Work that takes long or waits for a disk or for others (snapshots, indexes, collections), so that it takes no
    /// thread from searches.
    private let longPool: NIOThreadPool
    /// Changes of rows: threads that only wait for the writer, which makes one commit of all that wait.
    private let changePool: NIOThreadPool
    /// Searches by text, which wait for an embedder: a slow service takes no thread from anybody else.
    private let textPool: NIOThreadPool

    private var pools: [NIOThreadPool] { [computePool, bulkPool, longPool, changePool, textPool] }

    init(computeThreads: Int, longThreads: Int = 4, changeThreads: Int = 64, textThreads: Int = 16) {
        computePool = NIOThreadPool(numberOfThreads: computeThreads)
        bulkPool = NIOThreadPool(numberOfThreads: computeThreads)
        longPool = NIOThreadPool(numberOfThreads: longThreads)
        changePool = NIOThreadPool(numberOfThreads: changeThreads)
        textPool = NIOThreadPool(numberOfThreads: textThreads)
        for pool in pools { pool.start() }
    }

    /// A larger body is bulk: at 10 bytes a number, more than four vectors of 1,536 dimensions.
    static let bulkBytes = 64 << 10

    /// Calls `work` on a thread for requests with bodies of that size; with a failure, on any thread, if the pool has
    /// ended.
    func submitCompute(bodyBytes: Int, _ work: @escaping @Sendable (Result<Void, any Error>) -> Void) {
        Self.submit(to: bodyBytes > Self.bulkBytes ? bulkPool : computePool, work)
    }

    /// The same on a thread for long work.
    func submitLong(_ work: @escaping @Sendable (Result<Void, any Error>) -> Void) {
        Self.submit(to: longPool, work)
    }

    /// The same on a thread for what waits for the writer.
    func submitChange(_ work: @escaping @Sendable (Result<Void, any Error>) -> Void) {
        Self.submit(to: changePool, work)
    }

    /// The same on a thread for what waits for an embedder.
    func submitText(_ work: @escaping @Sendable (Result<Void, any Error>) -> Void) {
        Self.submit(to: textPool, work)
    }

    private static func submit(
        to pool: NIOThreadPool, _ work: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) {
        pool.submit { state in
            CoreTurn.during { work(state == .active ? .success(()) : .failure(stopping)) }
        }
    }

    private static let stopping = ServiceError.unavailable("the server is stopping")

    func compute<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await Self.run(on: computePool, work)
    }

    func long<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await Self.run(on: longPool, work)
    }

    private static func run<Value: Sendable>(
        on pool: NIOThreadPool, _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        // The work's own result passes through a `Result`, so that a stopped pool is told from a failed work.
        let result: Result<Value, any Error>
        do {
            result = try await pool.runIfActive { CoreTurn.during { Result(catching: work) } }
        } catch {
            throw stopping
        }
        return try result.get()
    }

    /// Finishes what is queued, then ends the threads.
    func shutdown() async {
        for pool in pools { try? await pool.shutdownGracefully() }
    }
}
