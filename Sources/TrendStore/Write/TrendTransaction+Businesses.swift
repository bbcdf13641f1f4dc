import Foundation
import GRDB

extension TrendTransaction {
    /// Creates a business and returns it as stored. One that is `launched` or `active` without a time of its launch was launched
    /// when it was made.
    ///
    /// Throws `.invalid` naming the field, `.notFound` when its idea doesn't exist, `.conflict` when the id is taken.
    @discardableResult
    public func createBusiness(_ business: Business) throws -> Business {
        var business = try business.validated()
        if business.launchedAt == nil, business.status.isLaunched { business.launchedAt = business.createdAt }
        let db = try database()
        try requireIdea(of: business)
        try requireFree(business)
        try change {
            try business.insert(db)
            try note(.businessCreated, business.id, business.writeEvent)
        }
        return business
    }

    /// Changes a business by `change` and returns it as stored. A business that becomes `launched` or `active` without a time
    /// of its launch gets `time`.
    ///
    /// Throws `.notFound` for the business or its new idea, `.invalid` naming the field, and what `change` throws.
    @discardableResult
    public func updateBusiness(
        _ id: UUID, at time: Timestamp = .now, _ change: (inout Business) throws -> Void
    ) throws -> Business {
        let db = try database()
        guard let old = try Business.fetch(id, db) else {
            throw TrendStoreError.notFound(table: Business.table, id: id)
        }
        var business = old
        try change(&business)
        guard business.id == id else { throw invalid("id", "can't be changed") }
        if business.launchedAt == nil, business.status.isLaunched, !old.status.isLaunched { business.launchedAt = time }
        business = try business.validated()
        if business.ideaID != old.ideaID { try requireIdea(of: business) }
        guard business != old else { return business }
        try self.change {
            try business.update(db)
            try note(.businessUpdated, id, business.writeEvent)
        }
        return business
    }

    /// Deletes a business; `false` when there is none of the id.
    @discardableResult
    public func deleteBusiness(_ id: UUID) throws -> Bool {
        let db = try database()
        guard let business = try Business.fetch(id, db) else { return false }
        try change {
            try db.execute(sql: "DELETE FROM businesses WHERE id = ?", arguments: [id.text])
            try note(.businessDeleted, id, business.writeEvent)
        }
        return true
    }

    /// Takes an idea that is about to be deleted from its businesses.
    func releaseBusinesses(of idea: UUID) throws {
        let db = try database()
        let statement = try db.cachedStatement(sql: "SELECT \(Business.selection) FROM businesses WHERE idea_id = ?")
        for var business in try Row.fetchAll(statement, arguments: [idea.text]).map({ try Business($0) }) {
            business.ideaID = nil
            try change {
                try business.update(db)
                try note(.businessUpdated, business.id, business.writeEvent)
            }
        }
    }

    private func requireIdea(of business: Business) throws {
        if let idea = business.ideaID, try !Idea.exists(idea, database()) {
            throw TrendStoreError.notFound(table: Idea.table, id: idea)
        }
    }
}
