import GRDB
import JSON
import SearchEngine

extension Business: TableRow {
    static var table: String { "businesses" }

    static let columns = [
        "id", "idea_id", "name", "domain", "status", "revenue_monthly", "users_count", "developed_at", "launched_at",
        "created_at", "metadata",
    ]

    init(_ row: Row) throws {
        let reader = ColumnReader(row, of: Self.table)
        guard let revenue = Money(cents: try reader.value("revenue_monthly")) else {
            throw reader.damaged("revenue_monthly")
        }
        self.init(
            id: try reader.id("id"), ideaID: try reader.optionalID("idea_id"), name: try reader.value("name"),
            domain: try reader.optional("domain"), status: try reader.member("status"), revenueMonthly: revenue,
            usersCount: try reader.value("users_count"), developedAt: try reader.optionalTime("developed_at"),
            launchedAt: try reader.optionalTime("launched_at"), createdAt: try reader.time("created_at"),
            metadata: try reader.json("metadata"))
    }

    var values: [(any DatabaseValueConvertible)?] {
        [
            id.text, ideaID?.text, name, domain, status.rawValue, revenueMonthly.cents, usersCount,
            developedAt?.microseconds, launchedAt?.microseconds, createdAt.microseconds, metadata.text,
        ]
    }

    /// The row as it is stored. Throws `.invalid` naming every field that breaks its rule.
    public func validated() throws -> Business {
        var business = self
        var problems = FieldProblems()
        _ = problems.check { try FieldRules.text(name, "name", length: FieldRules.nameLength) }
        if let domain { business.domain = problems.check { try FieldRules.domain(domain, "domain") } }
        if usersCount < 0 {
            _ = problems.check { throw invalid("users_count", "must be at least 0, not \(usersCount)") }
        }
        for (time, field) in [(developedAt, "developed_at"), (launchedAt, "launched_at"), (createdAt, "created_at")] {
            if let time { _ = problems.check { try FieldRules.time(time, field) } }
        }
        _ = problems.check { try FieldRules.json(metadata, "metadata") }
        try problems.throwAny()
        return business
    }
}
