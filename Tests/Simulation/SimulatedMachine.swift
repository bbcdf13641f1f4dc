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
}
