import Foundation
import JSON
import NIOHTTP1
import SearchEngine
import Services
import TrendStore

/// Businesses in the trend API, `/api/v1/businesses`.
extension Endpoints {
    static let businesses: [Endpoint] = [
        .trends(.GET, "businesses", BusinessOperations.list) { call in
            var parameters = TrendParameters(call.query)
            var listing = BusinessOperations.Listing(BusinessFilter(), by: .createdAt)
            if let status: BusinessStatus = parameters.member("status") { listing.filter.statuses = [status] }
            if let idea = parameters.id("idea") { listing.filter.ideaIDs = [idea] }
            listing.order = parameters.member("order_by") ?? listing.order
            return try parameters.finish(listing)
        } reply: { page, listing in
            listReply(page, listing) { $1.write($0) }
        },
        .trends(.POST, "businesses", BusinessOperations.create) {
            try decodeBody($0.body) { try $0.readNewBusiness() }
        } reply: { business, _ in
            .success(status: .created) { $0.write(business) }
        },
        .trends(.GET, "businesses/{id}", BusinessOperations.get) {
            try rowIDAlone($0)
        } reply: { business, _ in
            .success { $0.write(business) }
        },
        .trends(.PATCH, "businesses/{id}", BusinessOperations.update) { call in
            .init(id: try rowID(call), change: try decodeBody(call.body) { try $0.readBusinessChange() })
        } reply: { business, _ in
            .success { $0.write(business) }
        },
        .trends(.DELETE, "businesses/{id}", BusinessOperations.delete) {
            try rowID($0)
        } reply: { _, id in
            .success { $0.writeDeleted(id) }
        },
    ]
}
