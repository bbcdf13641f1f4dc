import Logging
import SearchEngine

/// A machine whose every run from one seed is the same: one thread, files in memory, a clock that stands still.
package final class SimulatedMachine {
    package let time = SimulatedTime()
    package let files: MemoryFileSystem
    package let executor: StepExecutor
    package let environment: Environment
    private let database: MemoryDatabaseVFS

    package init(seed: UInt64) {
        files = MemoryFileSystem(time)
        executor = StepExecutor(time, seed: seed)
        database = MemoryDatabaseVFS(files, time)
        environment = Environment(
            files: files, databaseVFS: database.name, time: time, seeds: SeededSeeds(seed), executor: executor)
    }

    /// Opens an engine over the machine's files, which audits no recall unless it is told to.
    package func open(_ configure: (inout EngineConfiguration) -> Void = { _ in }) throws -> Engine {
        var configuration = EngineConfiguration(storagePath: "/storage", snapshotsPath: "/snapshots")
        configuration.indexingThreads = 1
        configuration.recallAudits = .off
        configure(&configuration)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return try Engine(configuration: configuration, logger: logger, environment: environment)
    }
}
