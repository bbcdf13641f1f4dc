import ArgumentParser
import SearchEngine

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check a storage folder: vectors and payloads against their checksums, the database, the indexes.",
        discussion: """
            The server must be stopped. Nothing is changed, and the folder may be read-only. Ends with code 0 if \
            everything is well, and with 1 if something is damaged; what it finds is printed line by line. Files of \
            indexes are derived: one that is damaged or missing is named, but the next start rebuilds it. Of the others it \
            is told how many of their points searches find by their own vectors; the next start mends the rest.
            """)

    @Option(help: ArgumentHelp("The storage folder.", valueName: "folder"))
    var storagePath = "./storage"

    func run() throws {
        let isWell = try orExit { try Engine.verify(storagePath: storagePath) { print($0) } }
        guard isWell else { throw Failure("\(storagePath) is damaged.") }
        print("\(storagePath) is well.")
    }
}
