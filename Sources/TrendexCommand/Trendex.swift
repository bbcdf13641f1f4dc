import ArgumentParser
import SearchServer

@main
struct Trendex: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trendex",
        abstract: "A durable vector search engine that speaks Qdrant's HTTP API.",
        version: "trendex \(ServerVersion.trendex) (Qdrant API \(ServerVersion.api))",
        subcommands: [
            ServeCommand.self, SnapshotCommand.self, VerifyCommand.self, RepairCommand.self, TrendsCommand.self,
            EmbedCommand.self,
        ],
        defaultSubcommand: nil)
}
