/// A table for people, with its columns padded to equal width. All columns but the first are right-aligned.
struct MarkdownTable {
    private let header: [String]
    private var rows: [[String]] = []

    init(_ header: [String]) { self.header = header }

    mutating func add(_ cells: [String]) {
        precondition(cells.count == header.count)
        rows.append(cells)
    }

    var text: String {
        let widths = header.indices.map { column in ([header] + rows).map { $0[column].count }.max() ?? 0 }
        func line(_ cells: [String]) -> String {
            let padded = zip(cells, widths).enumerated().map { column, pair in
                let space = String(repeating: " ", count: pair.1 - pair.0.count)
                return column == 0 ? pair.0 + space : space + pair.0
            }
            return "| " + padded.joined(separator: " | ") + " |"
        }
        let rule = widths.enumerated().map { column, width in
            column == 0
                ? String(repeating: "-", count: max(width, 3)) : String(repeating: "-", count: max(width, 2) - 1) + ":"
        }
        return ([line(header), "| " + rule.joined(separator: " | ") + " |"] + rows.map(line)).joined(separator: "\n")
    }
}

/// `12345` as `12,345`.
func grouped(_ value: Double) -> String {
    let digits = String(Int(value.rounded()))
    var text = ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0, text != "-" { text.append(",") }
        text.append(digit)
    }
    return text
}

/// A number with a fixed count of digits behind the point.
func fixed(_ value: Double, _ digits: Int) -> String {
    let scaled = rounded(value, digits)
    let whole = String(scaled.magnitude)
    guard !whole.contains("e"), let point = whole.firstIndex(of: ".") else { return String(scaled) }
    let fraction = whole[whole.index(after: point)...].prefix(digits)
    let sign = scaled < 0 ? "-" : ""
    guard digits > 0 else { return sign + whole[..<point] }
    return sign + whole[..<point] + "." + fraction + String(repeating: "0", count: digits - fraction.count)
}

/// Bytes in the unit that reads best.
func megabytes(_ bytes: Int) -> String { fixed(Double(bytes) / 1e6, 1) + " MB" }

/// A share as `12 %`.
func percent(_ share: Double) -> String { "\(fixed(share * 100, 0)) %" }
