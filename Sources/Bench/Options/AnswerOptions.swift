import ArgumentParser
import JSON

/// Where the figures of one measurement go; shared by the subcommands that other programs drive.
struct AnswerOptions: ParsableArguments {
    @Option(help: "Where to write the figures.")
    var json: String?
    @Flag(help: "Runs a sweep for each line \"pass\" on standard input.")
    var servePasses = false

    /// Runs the passes, as often as `count` says or as standard input asks for. `pass` returns what it measured.
    func run(built: JSONValue, passes count: Int, _ pass: () throws -> JSONValue) throws {
        guard !servePasses else { return try answerPasses(built: built, pass) }
        for number in 1...count {
            note("pass \(number) of \(count)")
            _ = try pass()
        }
    }

    /// Writes the report where it was asked for; a person who asked for no file gets the table.
    func write(_ report: JSONValue, table: String) throws {
        if let json { try report.write(to: json) } else if !servePasses { print(table) }
    }
}
