import Foundation
import JSON
import NIOHTTP1
import SearchEngine
import Services
import TrendStore

/// Ideas in the trend API, `/api/v1/ideas`.
extension Endpoints {
    static let ideas: [Endpoint] = [
        .trends(.GET, "ideas", IdeaOperations.list) { call in
            var parameters = TrendParameters(call.query)
            return try parameters.ideaListing()
        } reply: { page, listing in
            listReply(page, listing) { $1.write($0) }
        },
        .trends(.POST, "ideas", IdeaOperations.create) {
            try decodeBody($0.body) { try $0.readNewIdea() }
        } reply: {
            idea, _ in
            .success(status: .created) { $0.write(idea) }
        },
        .trends(.GET, "ideas/top", IdeaOperations.list) { call in
            var parameters = TrendParameters(call.query)
            var listing = IdeaOperations.Listing(IdeaFilter(), by: .totalScore)
            listing.limit = parameters.limit() ?? 10
            if let status: IdeaStatus = parameters.member("status") { listing.filter.statuses = [status] }
            try parameters.finish()
            return listing
        } reply: { page, listing in
            listReply(page, listing) { $1.write($0) }
        },
        .trends(.GET, "ideas/search", IdeaOperations.search) { call in
            var parameters = TrendParameters(call.query)
            return try parameters.ideaSearch()
        } reply: { found, _ in
            hitsReply(found, "idea") { $1.write($0) }
        },
        .trends(.POST, "ideas/search", IdeaOperations.search) {
            try decodeBody($0.body) { try $0.readIdeaSearch() }
        } reply: { found, _ in
            hitsReply(found, "idea") { $1.write($0) }
        },
        .trends(.POST, "ideas/analyze", IdeaOperations.analyze) { call in
            try decodeBody(call.body) { try $0.readAnalysis(call) }
        } reply: { analyzed, _ in
            let note =
                "No analyst is configured (`trendex.analyst.base_url`): the job waits for a worker that claims it"
            return queuedReply(analyzed.enqueued, note: analyzed.hasAnalyst ? nil : note)
        },
        .trends(.GET, "ideas/needing-embeddings", IdeaOperations.list) { call in
            var parameters = TrendParameters(call.query)
            var listing = IdeaOperations.Listing(IdeaFilter(), by: .analyzedAt)
            listing.filter.needsEmbedding = true
            // Who waits longest comes first.
            listing.direction = .ascending
            parameters.page(of: &listing)
            try parameters.finish()
            return listing
        } reply: { page, listing in
            listReply(page, listing) { $1.write($0) }
        },
        .trends(.PUT, "ideas/embeddings", IdeaOperations.embed) {
            try decodeBody($0.body) { try $0.readEmbeddings() }
        } reply: { result, _ in
            .success { $0.write(result) }
        },
        .trends(.GET, "ideas/{id}", IdeaOperations.get) {
            try rowIDAlone($0)
        } reply: { idea, _ in
            .success { $0.write(idea) }
        },
        .trends(.PATCH, "ideas/{id}", IdeaOperations.update) { call in
            .init(id: try rowID(call), change: try decodeBody(call.body) { try $0.readIdeaChange() })
        } reply: { idea, _ in
            .success { $0.write(idea) }
        },
        .trends(.DELETE, "ideas/{id}", IdeaOperations.delete) {
            try rowID($0)
        } reply: { _, id in
            .success { $0.writeDeleted(id) }
        },
        .trends(.GET, "ideas/{id}/similar", IdeaOperations.search) { call in
            var parameters = TrendParameters(call.query)
            var search = IdeaOperations.Search(.like(try rowID(call)), IdeaFilter())
            search.limit = parameters.limit() ?? search.limit
            search.skip = parameters.skip() ?? 0
            search.filter.totalScore.gte = parameters.integer("min_score")
            if let status: IdeaStatus = parameters.member("status") { search.filter.statuses = [status] }
            try parameters.finish()
            return search
        } reply: { found, _ in
            hitsReply(found, "idea") { $1.write($0) }
        },
    ]
}
