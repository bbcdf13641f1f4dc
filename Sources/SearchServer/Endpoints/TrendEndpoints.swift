import Foundation
import JSON
import NIOHTTP1
import SearchEngine
import Services
import TrendStore

/// The trend API, `/api/v1`.
extension Endpoints {
    static let trends: [Endpoint] = [
        .trends(.GET, "trends", TrendOperations.list) { call in
            var parameters = TrendParameters(call.query)
            return try parameters.listing()
        } reply: { page, listing in
            listReply(page, listing) { $1.write($0) }
        },
        .trends(.POST, "trends", TrendOperations.create) {
            try decodeBody($0.body) { try $0.readNewTrend() }
        } reply: {
            stored, _ in
            .success(
                status: stored.isNew ? .created : .ok,
                meta: { writer in
                    writer.key("known")
                    writer.write(!stored.isNew)
                }, { $0.write(stored.trend) })
        },
        .trends(.POST, "trends/batch", TrendOperations.createMany) {
            try decodeBody($0.body) { try $0.readTrendBatch() }
        } reply: { result, batch in
            try batchReply(result, batch)
        },
        .trends(.GET, "trends/search", TrendOperations.search) { call in
            var parameters = TrendParameters(call.query)
            return try parameters.trendSearch()
        } reply: { found, _ in
            hitsReply(found, "trend") { $1.write($0) }
        },
        .trends(.POST, "trends/search", TrendOperations.search) {
            try decodeBody($0.body) { try $0.readTrendSearch() }
        } reply: { found, _ in
            hitsReply(found, "trend") { $1.write($0) }
        },
        .trends(.GET, "trends/stats", TrendOperations.statistics) {
            try requireNoParameters($0)
        } reply: { statistics, _ in
            .success { $0.write(statistics) }
        },
        .trends(.GET, "trends/categories/trending", TrendOperations.trendingCategories) { call in
            var parameters = TrendParameters(call.query)
            var period = TrendOperations.Period()
            period.days = parameters.integer("days", in: TrendOperations.Period.allowedDays) ?? period.days
            period.limit = parameters.limit() ?? period.limit
            try parameters.finish()
            return period
        } reply: { categories, _ in
            .success { writer in writer.array { writer in for category in categories { writer.write(category) } } }
        },
        .trends(.GET, "trends/needing-embeddings", TrendOperations.list) { call in
            var parameters = TrendParameters(call.query)
            var listing = TrendOperations.Listing(TrendFilter(), by: .discoveredAt)
            listing.filter.needsEmbedding = true
            // Who waits longest comes first.
            listing.direction = .ascending
            parameters.page(of: &listing)
            try parameters.finish()
            return listing
        } reply: { page, listing in
            listReply(page, listing) { $1.write($0) }
        },
        .trends(.PUT, "trends/embeddings", TrendOperations.embed) {
            try decodeBody($0.body) { try $0.readEmbeddings() }
        } reply: { result, _ in
            .success { $0.write(result) }
        },
        .trends(.GET, "trends/{id}", TrendOperations.get) {
            try rowIDAlone($0)
        } reply: { details, _ in
            .success { $0.write(details.trend, details.dynamics) }
        },
        .trends(.PATCH, "trends/{id}", TrendOperations.update) { call in
            .init(id: try rowID(call), change: try decodeBody(call.body) { try $0.readTrendChange() })
        } reply: { trend, _ in
            .success { $0.write(trend) }
        },
        .trends(.DELETE, "trends/{id}", TrendOperations.delete) {
            try rowID($0)
        } reply: { _, id in
            .success { $0.writeDeleted(id) }
        },
        .trends(.GET, "trends/{id}/observations", TrendOperations.observations) { call in
            var parameters = TrendParameters(call.query)
            var page = TrendOperations.ObservationPage(trend: try rowID(call))
            page.skip = parameters.skip() ?? 0
            page.limit = parameters.limit() ?? page.limit
            try parameters.finish()
            return page
        } reply: { observations, _ in
            .success { writer in writer.array { writer in for seen in observations { writer.write(seen) } } }
        },
        .trends(.POST, "trends/{id}/observations", TrendOperations.observe) { call in
            .init(trend: try rowID(call), observation: try decodeBody(call.body) { try $0.readObservation() })
        } reply: { trend, _ in
            .success(status: .created) { $0.write(trend) }
        },
    ]

    /// The id of the path.
    static func rowID(_ call: Call) throws -> UUID {
        let text = call.parameters[0]
        guard let id = UUID(uuidString: text) else {
            throw ServiceError.outOfRange("id", "must be a UUID, not `\(text.prefix(100))`")
        }
        return id
    }

    /// The same for a route without parameters.
    static func rowIDAlone(_ call: Call) throws -> UUID {
        try requireNoParameters(call)
        return try rowID(call)
    }

    static func requireNoParameters(_ call: Call) throws {
        var parameters = TrendParameters(call.query)
        try parameters.finish()
    }

    /// `{"items": […], "total": …, "has_more": …, "next": …}`
    static func listReply<Row, Filter, Order>(
        _ page: RowPage<Row>, _ listing: RowListing<Filter, Order>, _ write: (Row, inout JSONWriter) -> Void
    ) -> Reply {
        .success(
            meta: { writer in
                writer.key("total")
                writer.write(page.total)
                writer.key("page")
                writer.write(listing.skip / max(listing.limit, 1) + 1)
                writer.key("has_more")
                writer.write(page.next != nil)
            },
            { writer in
                writer.object { writer in
                    writer.key("items")
                    writer.array { writer in for row in page.rows { write(row, &writer) } }
                    writer.key("total")
                    writer.write(page.total)
                    writer.key("has_more")
                    writer.write(page.next != nil)
                    writer.key("next")
                    if let next = page.next { writer.write(next.description) } else { writer.writeNull() }
                }
            })
    }

    /// `{"items": [{"score": …, "match": …, name: …}, …]}`
    static func hitsReply<Row>(
        _ found: SearchResult<Row>, _ name: StaticString, _ write: (Row, inout JSONWriter) -> Void
    ) -> Reply {
        .success(
            meta: { $0.writeMembers(found.mode, found.words) },
            { writer in
                writer.object { writer in
                    writer.key("items")
                    writer.array { writer in
                        for hit in found.rows {
                            writer.object { writer in
                                writer.key("score")
                                writer.write(hit.score)
                                writer.key("match")
                                writer.write(hit.semantic, hit.text)
                                writer.key(name)
                                write(hit.row, &writer)
                            }
                        }
                    }
                }
            })
    }

    /// 201 where anything was created, 200 where all were known; an error with 422 where nothing was stored, because of errors.
    private static func batchReply(
        _ result: TrendOperations.BatchResult, _ batch: TrendOperations.Batch
    ) throws -> Reply {
        guard !result.stored.isEmpty || result.errors.isEmpty else {
            let problems = result.errors.flatMap { place, error in
                let problems = APIError(error.below("trends[\(place)]")).problems
                return problems.isEmpty ? [FieldProblem(field: "trends[\(place)]", reason: error.message)] : problems
            }
            var error = APIError(ServiceError(.outOfRange, "", field: "trends", problems: problems))
            error.sentence = "\(result.errors.count) of \(batch.trends.count) trends are wrong; none was created"
            throw error
        }
        let isKnown = !result.stored.isEmpty && !result.stored.contains { $0.stored.isNew }
        return .success(status: isKnown ? .ok : .created) { writer in
            writer.object { writer in
                for (name, isNew) in [("created", true), ("known", false)] {
                    writer.key(name)
                    writer.array { writer in
                        for (place, stored) in result.stored where stored.isNew == isNew {
                            writer.object { writer in
                                writer.key("index")
                                writer.write(place)
                                writer.key("id")
                                writer.write(stored.trend.id)
                            }
                        }
                    }
                }
                writer.key("errors")
                writer.array { writer in
                    for (place, error) in result.errors {
                        writer.object { writer in
                            writer.key("index")
                            writer.write(place)
                            writer.key("error")
                            writer.writeError(APIError(error))
                        }
                    }
                }
            }
        }
    }
}
