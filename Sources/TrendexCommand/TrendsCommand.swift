import ArgumentParser
import Logging
import SearchEngine
import TrendStore

/// What is done to the trends of a storage whose server is stopped.
struct TrendsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trends", abstract: "Work on the trends and ideas of a storage.",
        discussion: """
            The server must be stopped.

            Example: trendex trends reset --storage-path ./storage
            """, subcommands: [Reset.self])

    struct Reset: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete all trends and ideas, and the collections of their embeddings.",
            discussion: """
                The server must be stopped. Nothing brings them back but a snapshot of the whole storage.

                Example: trendex trends reset --storage-path ./storage --yes
                """)

        @OptionGroup var storage: StorageOption

        @Flag(help: "Do it. Without this nothing is deleted, and it is told what would be.")
        var yes = false

        func run() throws {
            try orExit {
                try withTrends(storage) { store in
                    let (trends, ideas) = (try store.countTrends(), try store.countIdeas())
                    guard yes else {
                        print("\(trends) trends and \(ideas) ideas would be deleted; --yes deletes them.")
                        return
                    }
                    try store.reset()
                    print("\(trends) trends and \(ideas) ideas are deleted.")
                }
            }
        }
    }
}

struct RepairCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Bring the points of trends and ideas back in line with their rows.",
        discussion: """
            The server must be stopped. Rows are what counts: payloads get the fields of their rows, and rows that have \
            lost their vector are marked as in need of one. An index of words that differs from the rows is made anew. No row is \
            deleted.

            Example: trendex repair --storage-path ./storage
            """)

    @Flag(help: "Delete points that have no row as well.")
    var deletePoints = false

    @OptionGroup var storage: StorageOption

    func run() throws {
        try orExit {
            try withTrends(storage) { store in
                let check = try store.check()
                let report = try store.repair(deletingPoints: deletePoints)
                for (name, table, found) in [
                    ("trends", report.trends, check.trends), ("ideas", report.ideas, check.ideas),
                ] {
                    print(
                        """
                        \(name): \(found.pointsWithoutRow.count) points without a row, of which \
                        \(table.removedPoints.count) were deleted; \
                        \(table.mendedPayloads.count) payloads mended; \
                        \(table.rowsNeedingEmbedding.count) rows marked as in need of an embedding; the index of words \
                        \(table.isTextIndexRebuilt ? "made anew" : "agrees")
                        """)
                }
            }
        }
    }
}

/// Opens a storage that must be there, and closes it.
private func withTrends(_ storage: StorageOption, _ body: (TrendStore) throws -> Void) throws {
    try storage.requireStorage()
    let storagePath = storage.storagePath
    var logger = Logger(label: "trendex")
    logger.logLevel = .error
    // Its snapshots folder isn't used, and is made where it does no harm.
    let configuration = EngineConfiguration(storagePath: storagePath, snapshotsPath: storagePath + "/tmp/snapshots")
    let engine = try Engine(configuration: configuration, logger: logger)
    let result = Result { try body(TrendStore(engine: engine)) }
    try engine.close()
    try result.get()
}
