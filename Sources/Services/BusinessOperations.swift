import Foundation
import JSON
import SearchEngine
import TrendStore

/// What was made of ideas.
public enum BusinessOperations {
    public typealias Listing = RowListing<BusinessFilter, BusinessOrder>

    public static let list = Operation<Listing, RowPage<Business>>(.read) { services, _, listing in
        let page = try renaming(["offset": "skip"]) {
            try services.trends.listBusinesses(
                listing.filter, by: listing.order, listing.direction, limit: listing.limit, offset: listing.skip,
                after: listing.after)
        }
        return RowPage(page, total: try services.trends.countBusinesses(listing.filter))
    }

    public static let get = Operation<UUID, Business>(.read) { services, _, id in
        guard let business = try services.trends.business(id) else { throw missing(id) }
        return business
    }

    /// Throws `.notFound` for an idea that isn't there.
    public static let create = Operation<Business, Business>(.write) { services, caller, business in
        try services.trends.writeRows(deadline: caller.deadline) { try $0.createBusiness(business) }
    }

    /// What a change says; a member that is `nil` stays as it is.
    public struct Change: Sendable {
        /// `.some(nil)` takes it away, as with the others that are optional twice.
        public var ideaID: UUID??
        public var name: String?
        public var domain: String??
        public var status: BusinessStatus?
        public var revenueMonthly: Money?
        public var usersCount: Int?
        public var developedAt: Timestamp??
        public var launchedAt: Timestamp??
        public var metadata: JSONValue?

        public init() {}

        public func apply(to business: inout Business) {
            if let ideaID { business.ideaID = ideaID }
            if let name { business.name = name }
            if let domain { business.domain = domain }
            if let status { business.status = status }
            if let revenueMonthly { business.revenueMonthly = revenueMonthly }
            if let usersCount { business.usersCount = usersCount }
            if let developedAt { business.developedAt = developedAt }
            if let launchedAt { business.launchedAt = launchedAt }
            if let metadata { business.metadata = metadata }
        }
    }

    public static let update = Operation<RowUpdate<Change>, Business>(.write) { services, caller, update in
        try services.trends.writeRows(deadline: caller.deadline) { transaction in
            try transaction.updateBusiness(update.id) { update.change.apply(to: &$0) }
        }
    }

    /// Throws `.notFound` for a business that isn't there.
    public static let delete = Operation<UUID, Void>(.write) { services, caller, id in
        guard try services.trends.deleteBusiness(id, deadline: caller.deadline) else { throw missing(id) }
    }

    private static func missing(_ id: UUID) -> ServiceError {
        ServiceError(TrendStoreError.notFound(table: "businesses", id: id))
    }
}
