import ArgumentParser
import Foundation
import SearchEngine
import SearchServer

struct SnapshotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Create, list, download, delete and restore snapshots.",
        discussion: """
            All but one way work with a running server, named by --url. The snapshot of a whole storage is restored with \
            the server stopped: `trendex snapshot restore FILE --storage-path FOLDER` fills an empty folder.

            Example: trendex snapshot create --url http://localhost:6333
            """,
        subcommands: [Create.self, List.self, Download.self, Delete.self, Restore.self])

    struct ServerOptions: ParsableArguments {
        @Option(help: "The running server.")
        var url = "http://localhost:6333"

        @Option(help: "The server's API key. (default: QDRANT__SERVICE__API_KEY of the environment)")
        var apiKey: String?

        func validate() throws {
            try requireServerURL(url)
        }

        var client: SnapshotClient {
            SnapshotClient(url: url, apiKey: apiKey ?? ProcessInfo.processInfo.environment["QDRANT__SERVICE__API_KEY"])
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a snapshot.", discussion: "Example: trendex snapshot create --collection trends")

        @OptionGroup var server: ServerOptions

        @Option(help: "The collection; without it, the whole storage.")
        var collection: String?

        func run() async throws {
            print(line(try await asking { try await server.client.create(collection: collection) }))
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List snapshots: name, bytes, time of creation, SHA-256.",
            discussion: "Example: trendex snapshot list")

        @OptionGroup var server: ServerOptions

        @Option(help: "The collection; without it, snapshots of the whole storage.")
        var collection: String?

        func run() async throws {
            for snapshot in try await asking({ try await server.client.list(collection: collection) }) {
                print(line(snapshot))
            }
        }
    }

    struct Download: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Download a snapshot to a file.",
            discussion:
                "Example: trendex snapshot download full-snapshot-2026-11-30-12-00-00.snapshot -o backup.snapshot")

        @OptionGroup var server: ServerOptions

        @Option(help: "The collection; without it, a snapshot of the whole storage.")
        var collection: String?

        @Option(name: .shortAndLong, help: "The file to write; it must not exist. (default: the snapshot's name)")
        var output: String?

        @Argument(help: "The snapshot's name.")
        var name: String

        func run() async throws {
            // A server's names must not lead out of this folder.
            let file = output ?? name.split(separator: "/").last.map(String.init) ?? name
            let size = try await asking {
                try await server.client.download(collection: collection, name: name, to: file)
            }
            print("\(file)\t\(size)")
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a snapshot.",
            discussion: "Example: trendex snapshot delete full-snapshot-2026-11-30-12-00-00.snapshot")

        @OptionGroup var server: ServerOptions

        @Option(help: "The collection; without it, a snapshot of the whole storage.")
        var collection: String?

        @Argument(help: "The snapshot's name.")
        var name: String

        func run() async throws {
            try await asking { try await server.client.delete(collection: collection, name: name) }
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Restore a collection on a running server, or a whole storage into an empty folder.",
            discussion: """
                Examples:
                  trendex snapshot restore products.snapshot --collection products
                  trendex snapshot restore backup.snapshot --storage-path ./restored
                """)

        @OptionGroup var server: ServerOptions

        @Option(help: "The collection to restore; it is created, or replaced.")
        var collection: String?

        @Option(help: ArgumentHelp("The empty folder for a whole storage's snapshot.", valueName: "folder"))
        var storagePath: String?

        @Option(help: "The SHA-256 in hex that the snapshot must have.")
        var checksum: String?

        @Argument(help: "The snapshot's file.")
        var file: String

        func validate() throws {
            guard (collection == nil) != (storagePath == nil) else {
                throw ValidationError("Name either --collection or --storage-path.")
            }
        }

        func run() async throws {
            if let storagePath {
                try orExit { try Engine.restoreStorage(snapshot: file, checksum: checksum, into: storagePath) }
                print("Restored \(storagePath).")
            } else if let collection {
                try await asking {
                    try await server.client.restore(collection: collection, file: file, checksum: checksum)
                }
                print("Restored the collection \(collection).")
            }
        }
    }
}

private func line(_ snapshot: SnapshotClient.Snapshot) -> String {
    [snapshot.name, "\(snapshot.size)", snapshot.creationTime ?? "-", snapshot.checksum ?? "-"]
        .joined(separator: "\t")
}

/// Runs a request to a server.
private func asking<Value>(_ body: () async throws -> Value) async throws -> Value {
    do { return try await body() } catch { throw Failure("\(error)") }
}

/// Throws unless the text is the address of a server.
func requireServerURL(_ url: String) throws {
    guard let parts = URL(string: url), ["http", "https"].contains(parts.scheme?.lowercased()),
        parts.host?.isEmpty == false
    else { throw ValidationError("--url must be like http://localhost:6333, not '\(url)'.") }
}
