import ArgumentParser
import SearchEngine
import TrendStore

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract:
            "Check a storage folder: vectors, payloads, the database, the indexes, and the rows of trends and ideas.",
        discussion: """
            The server must be stopped. Nothing is changed, and the folder may be read-only. Ends with code 0 if \
            everything is well, and with 1 if something is damaged or rows and points of trends and ideas differ; what it \
            finds is printed line by line. `trendex repair` mends such differences; damage is mended by restoring a \
            snapshot. Files of indexes are derived: one that is damaged or missing is named, but the next start rebuilds \
            it. Of the others it is told how many of their points searches find by their own vectors; the next start \
            mends the rest.

            Example: trendex verify --storage-path /var/lib/trendex/storage
            """)

    @OptionGroup var storage: StorageOption

    func run() throws {
        let path = storage.storagePath
        var areRowsWell = true
        let isWell = try orExit {
            try storage.requireStorage()
            return try Engine.verify(storagePath: path) { storage in
                let (isSound, lines) = try TrendStore.verify(storage)
                areRowsWell = isSound
                return (true, lines)
            } report: {
                print($0)
            }
        }
        if !isWell { throw Failure("\(path) is damaged: restore a snapshot into another folder.") }
        guard areRowsWell else {
            throw Failure(
                """
                Rows and points of \(path) differ: `trendex repair --storage-path \(path)` brings the points in line with the \
                rows, with --delete-points also those without a row.
                """)
        }
        print("\(path) is well.")
    }
}

/// The storage folder that a command for a stopped server works on.
struct StorageOption: ParsableArguments {
    @Option(help: ArgumentHelp("The storage folder.", valueName: "folder"))
    var storagePath = "./storage"

    func requireStorage() throws {
        guard Engine.isStorage(storagePath) else {
            throw Failure("There is no storage in \(storagePath): name its folder with --storage-path.")
        }
    }
}
