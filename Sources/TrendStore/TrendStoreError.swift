import Foundation

/// A field whose value breaks its rule.
public struct FieldProblem: Sendable, Hashable {
    /// The column's name, with a subscript inside lists (`tags[3]`), or the parameter's (`embedding`, `limit`).
    public var field: String
    /// What is wrong, to be read behind the name: "must have 1 to 500 characters, not 0".
    public var reason: String

    public init(field: String, reason: String) {
        self.field = field
        self.reason = reason
    }
}

/// What went wrong in a call of the trend store. Failures of the storage itself are `EngineError`s.
public enum TrendStoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Every field of a row whose value breaks its rule, at least one; nothing was written.
    case invalid([FieldProblem])
    /// There is no row with the id.
    case notFound(table: String, id: UUID)
    /// There is no schedule of the name.
    case noSchedule(String)
    /// What is asked for was let go of.
    case gone(String)
    /// The change contradicts what is stored, such as an id that is taken.
    case conflict(String)

    public var description: String {
        switch self {
        case .invalid(let problems): problems.map { "\($0.field): \($0.reason)" }.joined(separator: "; ")
        case .notFound(let table, let id): "No row with id \(id.text) found in \(table)"
        case .noSchedule(let name): "There is no schedule `\(name)`"
        case .gone(let message): message
        case .conflict(let message): message
        }
    }
}
