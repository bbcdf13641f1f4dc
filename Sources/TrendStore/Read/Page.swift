import Foundation
import GRDB
import SearchEngine

public enum SortDirection: String, Sendable, Hashable, CaseIterable {
    case ascending = "asc"
    case descending = "desc"
}

/// How a listing of trends is sorted; equal values by id.
public enum TrendOrder: String, Sendable, Hashable, CaseIterable {
    case discoveredAt = "discovered_at"
    case engagementScore = "engagement_score"
    case velocity
}

/// How a listing of ideas is sorted; equal values by id.
public enum IdeaOrder: String, Sendable, Hashable, CaseIterable {
    case totalScore = "total_score"
    case analyzedAt = "analyzed_at"
}

/// A part of a listing.
public struct Page<Element: Sendable>: Sendable {
    public var rows: [Element]
    /// Where the next page begins; `nil` at the end.
    public var next: PageCursor?
}

/// A place in a sorted listing: behind one row's sort value and id. It stays valid when rows change.
///
/// Its text is `column.direction.value.id`, for handing it through other hands; a listing refuses a cursor of another
/// order.
public struct PageCursor: Sendable, Hashable, LosslessStringConvertible {
    enum Value: Sendable, Hashable {
        case integer(Int64)
        case double(Double)
    }

    var column: String
    var direction: SortDirection
    var value: Value
    var id: UUID

    init(column: String, direction: SortDirection, value: Value, id: UUID) {
        self.column = column
        self.direction = direction
        self.value = value
        self.id = id
    }

    /// Reads what `description` writes; `nil` for anything else.
    public init?(_ description: String) {
        let parts = description.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4, let direction = SortDirection(rawValue: String(parts[1])), let kind = parts[2].first,
            let id = UUID(uuidString: String(parts[3]))
        else { return nil }
        let digits = parts[2].dropFirst()
        switch kind {
        case "i":
            guard let value = Int64(digits) else { return nil }
            self.init(column: String(parts[0]), direction: direction, value: .integer(value), id: id)
        case "d":
            guard let bits = UInt64(digits, radix: 16), Double(bitPattern: bits).isFinite else { return nil }
            self.init(
                column: String(parts[0]), direction: direction, value: .double(Double(bitPattern: bits)), id: id)
        default: return nil
        }
    }

    public var description: String {
        let value =
            switch value {
            case .integer(let value): "i\(value)"
            case .double(let value): "d\(String(value.bitPattern, radix: 16))"
            }
        return "\(column).\(direction.rawValue).\(value).\(id.text)"
    }
}
