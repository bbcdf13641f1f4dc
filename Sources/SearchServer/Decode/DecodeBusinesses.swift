import Foundation
import JSON
import Services
import TrendStore

/// Bodies of `/api/v1/businesses…`. Unknown members are refused: whoever sends one expects something of it.
extension JSONReader {
    /// Throws a `ServiceError` that names every wrong member.
    mutating func readNewBusiness() throws -> Business {
        var fields = FieldReader()
        var id: UUID?
        var created: Timestamp?
        let change = try readBusinessMembers(&fields) { reader, key, fields in
            switch key {
            case "id": id = try fields.id(&reader, "id")
            case "created_at": created = try fields.time(&reader, "created_at")
            default: return false
            }
            return true
        }
        fields.require("name", change.name != nil)
        var business = Business(id: id ?? .timeOrdered(), name: change.name ?? "-", createdAt: created ?? .now)
        change.apply(to: &business)
        business = try fields.check { try business.validated() } ?? business
        try fields.throwAny()
        return business
    }

    mutating func readBusinessChange() throws -> BusinessOperations.Change {
        var fields = FieldReader()
        let change = try readBusinessMembers(&fields) { reader, key, fields in
            guard key == "id" || key == "created_at" else { return false }
            fields.note(key.string, "can't be changed")
            try reader.skipValue()
            return true
        }
        // What is given is checked by its rule as well; the others stand for what the row has.
        var business = Business(name: "-")
        change.apply(to: &business)
        _ = try fields.check { try business.validated() }
        try fields.throwAny()
        return change
    }

    /// - Parameter other: reads a member that isn't one of a change, and returns whether it knows it.
    private mutating func readBusinessMembers(
        _ fields: inout FieldReader, _ other: (inout JSONReader, JSONKey, inout FieldReader) throws -> Bool
    ) throws -> BusinessOperations.Change {
        var change = BusinessOperations.Change()
        try readMembers { reader, key in
            switch key {
            case "idea_id": change.ideaID = try fields.optional(&reader) { try $1.id(&$0, "idea_id") }
            case "name": change.name = try fields.string(&reader, "name")
            case "domain": change.domain = try fields.nullable(&reader, "domain")
            case "status": change.status = try fields.member(&reader, "status")
            case "revenue_monthly": change.revenueMonthly = try fields.money(&reader, "revenue_monthly")
            case "users_count": change.usersCount = try fields.integer(&reader, "users_count")
            case "developed_at": change.developedAt = try fields.optional(&reader) { try $1.time(&$0, "developed_at") }
            case "launched_at": change.launchedAt = try fields.optional(&reader) { try $1.time(&$0, "launched_at") }
            case "metadata": change.metadata = try fields.object(&reader, "metadata")
            default: if try !other(&reader, key, &fields) { try fields.unknown(&reader, key.string) }
            }
        }
        return change
    }
}
