import ArgumentParser
import SearchServer

/// Says what is wrong with the words that should name a subcommand. The parser itself says no more than "Unexpected argument".
enum Subcommands {
    /// `nil` when the words lead to a command, or ask for help or the version.
    static func problem(_ arguments: [String], of root: any ParsableCommand.Type) -> Problem? {
        var command = root
        var path = root._commandName
        var words = arguments[...]
        while true {
            let all = command.configuration.subcommands
            if all.isEmpty { return nil }
            let names = all.map { $0._commandName }
            guard let word = words.popFirst() else {
                return Problem(command: path, sentence: "`\(path)` needs a subcommand: \(list(names)).")
            }
            // Flags of the command itself, such as --help, and "help".
            if word.hasPrefix("-") || word == "help" { return nil }
            guard let next = all.first(where: { $0._commandName == word }) else {
                let near = names.map { (name: $0, distance: editDistance(String(word.prefix(64)), $0)) }.min {
                    $0.distance < $1.distance
                }
                let hint = near.flatMap { $0.distance <= 2 ? " Did you mean `\($0.name)`?" : nil } ?? ""
                return Problem(
                    command: path,
                    sentence: "`\(path)` has no subcommand `\(word)`: it may be \(list(names)).\(hint)")
            }
            command = next
            path += " \(word)"
        }
    }

    struct Problem {
        /// As it was called, with the words that were right.
        var command: String
        var sentence: String
    }

    private static func list(_ names: [String]) -> String {
        guard names.count > 1, let last = names.last else { return names.joined() }
        return "\(names.dropLast().joined(separator: ", ")) or \(last)"
    }
}
