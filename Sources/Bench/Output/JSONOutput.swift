import Foundation
import JSON

extension JSONValue {
    /// Indented text; arrays of numbers alone, and objects of numbers alone, stay on one line.
    func indented(_ depth: Int = 0) -> String {
        let margin = String(repeating: "  ", count: depth + 1)
        let end = "\n" + String(repeating: "  ", count: depth)
        switch self {
        case .array(let elements) where !elements.isEmpty && !elements.allSatisfy(\.isLeaf):
            return "[\n" + elements.map { margin + $0.indented(depth + 1) }.joined(separator: ",\n") + end + "]"
        case .object(let members) where !members.isEmpty && !members.values.allSatisfy({ $0.doubleValue != nil }):
            let lines = members.map { "\(margin)\(JSONValue.string($0.key.string)): \($0.value.indented(depth + 1))" }
            return "{\n" + lines.joined(separator: ",\n") + end + "}"
        default: return description
        }
    }

    private var isLeaf: Bool { arrayValue == nil && objectValue == nil }

    /// Writes the indented text to a file, whose folder is made if need be.
    func write(to path: String) throws {
        do {
            let file = URL(fileURLWithPath: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data((indented() + "\n").utf8).write(to: file, options: .atomic)
        } catch { throw BenchError("\(path): can't be written: \(error.localizedDescription)") }
    }
}
