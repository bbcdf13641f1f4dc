import ArgumentParser

@main
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trendex-bench",
        abstract: "Measures Trendex: recall against queries per second, builds, filters, writes, memory, HTTP.",
        subcommands: [
            RunCommand.self, SearchCommand.self, FilteredCommand.self, HTTPCommand.self, ShapesCommand.self,
            MachineCommand.self,
        ])
}
