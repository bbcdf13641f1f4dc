// Writes random trends and ideas until it is killed: `trendstore-crash-child STORAGE SEED`.
//
// A line `begin …` precedes each transaction, `done …` follows once it is durable.

import Foundation
import Logging
import SearchEngine
import TrendStore

guard CommandLine.arguments.count == 3, let seed = UInt64(CommandLine.arguments[2]) else {
    FileHandle.standardError.write(Data("usage: trendstore-crash-child STORAGE SEED\n".utf8))
    exit(64)
}
signal(SIGPIPE, SIG_IGN)
var configuration = EngineConfiguration(
    storagePath: CommandLine.arguments[1] + "/storage", snapshotsPath: CommandLine.arguments[1] + "/snapshots")
configuration.indexingThreads = 1
let engine = try Engine(configuration: configuration, logger: Logger(label: "crash-child"))
let store = try TrendStore(engine: engine)

// Far more than any round lets happen, so that a forgotten child ends.
let transactionsPerWorker = 20_000
for worker in 0..<2 {
    nonisolated(unsafe) let writer = try CrashWriter(worker: worker, store: store, seed: seed)
    let thread = Thread {
        do {
            try writer.run(transactionsPerWorker)
            exit(0)
        } catch {
            FileHandle.standardError.write(Data("worker \(worker): \(error)\n".utf8))
            exit(2)
        }
    }
    thread.start()
}
while true { sleep(60) }
