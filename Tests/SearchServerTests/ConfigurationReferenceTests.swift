import Foundation
import SearchServer
import Testing

/// `docs/CONFIGURATION.md` names every key once, with its environment variable and a default that is the program's.
@Suite struct ConfigurationReferenceTests {
    struct Row {
        var key: String
        /// `nil` where it is reckoned.
        var defaultValue: String?
        var variable: String
        var section: String
    }

    private let rows: [Row]

    init() throws {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../docs/CONFIGURATION.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        var section = ""
        rows = text.split(separator: "\n").compactMap { line in
            if line.hasPrefix("## ") { section = String(line.dropFirst(3)) }
            guard line.hasPrefix("| `"), section != "Of the process" else { return nil }
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast().map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            func code(_ cell: String) -> String { cell.trimmingCharacters(in: ["`"]) }
            return Row(
                key: code(cells[0]), defaultValue: cells[1].hasPrefix("(") ? nil : code(cells[1]),
                variable: code(cells[2]), section: section)
        }
    }

    @Test func everyKeyHasALine() {
        #expect(rows.map(\.key).sorted() == ConfigurationKeys.all.keys.sorted())
    }

    @Test func keysAreInTheSectionOfTheirTreatment() throws {
        for row in rows {
            let section: String? =
                switch ConfigurationKeys.all[row.key] {
                case .used: nil
                case .withoutEffect, .section: "Without effect"
                case .refused: "Refused"
                case nil: "no section"
                }
            if let section {
                #expect(row.section == section, "\(row.key)")
            } else {
                #expect(!["Without effect", "Refused"].contains(row.section), "\(row.key)")
            }
        }
    }

    /// The variables, set to the defaults that the page tells, change nothing and cause no notice.
    @Test func defaultsAndVariables() throws {
        let expected = try ServerConfiguration.load(yaml: "", environment: [:]).configuration
        for row in rows {
            guard let value = row.defaultValue, value != "none" else { continue }
            let (configuration, warnings) = try ServerConfiguration.load(
                yaml: "", environment: [row.variable: value])
            #expect(warnings == [], "\(row.key)")
            #expect(
                String(reflecting: configuration) == String(reflecting: expected),
                "\(row.key) isn't \(value) by default")
        }
    }

    /// A variable of the page reaches its key: an impossible value is refused in the key's name, or noticed.
    @Test func variablesReachTheirKeys() throws {
        for row in rows {
            guard let treatment = ConfigurationKeys.all[row.key] else { continue }
            switch treatment {
            case .used:
                // Texts, which take anything, are told by what they change.
                continue
            case .section: continue
            case .withoutEffect:
                let warnings = try ServerConfiguration.load(yaml: "", environment: [row.variable: "zebra"]).warnings
                #expect(warnings == ["`\(row.key)` has no effect here."])
            case .refused:
                #expect(throws: ConfigurationError.self, "\(row.key)") {
                    try ServerConfiguration.load(yaml: "", environment: [row.variable: "zebra"])
                }
            }
        }
    }
}
