import ArgumentParser
import Foundation
import SearchServer

@main
struct Trendex: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trendex",
        abstract:
            "Trends with their embeddings behind a REST API, and a vector search engine that speaks Qdrant's HTTP API.",
        discussion: """
            `trendex serve` starts the server, with its data in ./storage. All other commands end when they are done. \
            They end with code 0 when all went well, 1 when something failed, and 64 when the command line is wrong.

            Example: trendex serve --port 6333 --storage-path ./storage
            """,
        version: "trendex \(ServerVersion.trendex) (Qdrant API \(ServerVersion.api))",
        subcommands: [
            ServeCommand.self, HealthCommand.self, SnapshotCommand.self, VerifyCommand.self, RepairCommand.self,
            TrendsCommand.self, EmbedCommand.self,
        ],
        defaultSubcommand: nil)

    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if let problem = Subcommands.problem(arguments, of: Self.self) {
            let text = """
                Error: \(problem.sentence)
                  See '\(problem.command) --help' for more information.

                """
            FileHandle.standardError.write(Data(text.utf8))
            Foundation.exit(ExitCode.validationFailure.rawValue)
        }
        await main(arguments)
    }
}
