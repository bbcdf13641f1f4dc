import Foundation

extension TrendTransaction {
    /// Creates a business and returns it as stored.
    ///
    /// Throws `.invalid` naming the field, `.notFound` when its idea doesn't exist, `.conflict` when the id is taken.
    @discardableResult
    public func createBusiness(_ business: Business) throws -> Business {
        let business = try business.validated()
        let db = try database()
        try requireIdea(of: business)
        try requireFree(business)
        try change {
            try business.insert(db)
            try note(.businessCreated, business.id, business.eventData)
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
        if business.launchedAt == nil, [.launched, .active].contains(business.status) { business.launchedAt = time }
        business = try business.validated()
        if business.ideaID != old.ideaID { try requireIdea(of: business) }
        guard business != old else { return business }
        try self.change {
            try business.update(db)
            try note(.businessUpdated, id, business.eventData)
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
            try note(.businessDeleted, id, business.eventData)
        }
        return true
    }

    private func requireIdea(of business: Business) throws {
        if let idea = business.ideaID, try !Idea.exists(idea, database()) {
            throw TrendStoreError.notFound(table: Idea.table, id: idea)
        }
    }
}
