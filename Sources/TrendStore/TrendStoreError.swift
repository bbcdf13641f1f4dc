import Foundation

/// What went wrong in a call of the trend store. Failures of the storage itself are `EngineError`s.
public enum TrendStoreError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A field's value breaks its rule; nothing was written. `field` is the column's name, with a subscript inside
    /// lists (`tags[3]`), or the parameter's (`embedding`, `limit`).
    case invalid(field: String, reason: String)
    /// There is no row with the id. `table` is `trends` or `ideas`.
    case notFound(table: String, id: UUID)
    /// The change contradicts what is stored, such as an id that is taken.
    case conflict(String)

    public var description: String {
        switch self {
        case .invalid(let field, let reason): "\(field): \(reason)"
        case .notFound(let table, let id): "No row with id \(id.text) found in \(table)"
        case .conflict(let message): message
        }
    }
}
