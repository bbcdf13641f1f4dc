import Foundation
import JSON
import SearchEngine
import Services
import TrendStore

/// Bodies of `/api/v1/ideas…`. Unknown members are refused: whoever sends one expects something of it.
extension JSONReader {
    /// Throws a `ServiceError` that names every wrong member.
    mutating func readNewIdea() throws -> IdeaOperations.NewIdea {
        var fields = FieldReader()
        var id: UUID?
        let change = try readIdeaMembers(&fields) { reader, key, fields in
            guard key == "id" else { return false }
            id = try fields.id(&reader, "id")
            return true
        }
        // Every given member but a wrong one is checked by its rule as well.
        let named = Set(fields.problems.map(\.field))
        var required = [("trend_id", change.trendID != nil), ("title", change.title != nil)]
        required += IdeaScore.allCases.map { ($0.rawValue, change.scores[$0] != nil) }
        for (name, isThere) in required where !isThere && !named.contains(name) { fields.note(name, "is missing") }
        var idea = Idea(
            id: id ?? .timeOrdered(), trendID: change.trendID ?? UUID(), title: change.title ?? "-",
            scores: IdeaScores(
                marketSize: 0, competition: 0, demand: 0, monetization: 0, feasibility: 0, timeToMarket: 0))
        change.apply(to: &idea)
        do { idea = try idea.validated(with: change.embedding) } catch TrendStoreError.invalid(let problems) {
            for problem in problems { fields.note(problem.field, problem.reason) }
        }
        try fields.throwAny()
        return .init(idea: idea, embedding: change.embedding)
    }

    mutating func readIdeaChange() throws -> IdeaOperations.Change {
        var fields = FieldReader()
        let change = try readIdeaMembers(&fields) { reader, key, fields in
            guard key == "id" else { return false }
            fields.note("id", "can't be changed")
            try reader.skipValue()
            return true
        }
        // What is given is checked by its rule as well; the others stand for what the row has.
        var idea = Idea(
            trendID: UUID(), title: "-",
            scores: IdeaScores(
                marketSize: 0, competition: 0, demand: 0, monetization: 0, feasibility: 0, timeToMarket: 0))
        change.apply(to: &idea)
        do { _ = try idea.validated(with: change.embedding) } catch TrendStoreError.invalid(let problems) {
            for problem in problems { fields.note(problem.field, problem.reason) }
        }
        try fields.throwAny()
        return change
    }

    /// - Parameter other: reads a member that isn't one of a change, and returns whether it knows it.
    private mutating func readIdeaMembers(
        _ fields: inout FieldReader, _ other: (inout JSONReader, JSONKey, inout FieldReader) throws -> Bool
    ) throws -> IdeaOperations.Change {
        var change = IdeaOperations.Change()
        try readMembers { reader, key in
            switch key {
            case "trend_id": change.trendID = try fields.id(&reader, "trend_id")
            case "title": change.title = try fields.string(&reader, "title")
            case "description": change.description = try fields.nullable(&reader, "description")
            case "analysis": change.analysis = try fields.object(&reader, "analysis")
            case "analyzed_at": change.analyzedAt = try fields.time(&reader, "analyzed_at")
            case "status": change.status = try fields.member(&reader, "status")
            case "embedding":
                if try !reader.readNullIfPresent() { change.embedding = try fields.vector(&reader, "embedding") }
            default:
                if let score = IdeaScore(rawValue: key.string) {
                    change.scores[score] = try fields.integer(&reader, score.rawValue)
                } else if key == "total_score" {
                    fields.note("total_score", "is computed from the six scores")
                    try reader.skipValue()
                } else if try !other(&reader, key, &fields) {
                    try fields.unknown(&reader, key.string)
                }
            }
        }
        return change
    }

    mutating func readIdeaSearch() throws -> IdeaOperations.Search {
        var fields = FieldReader()
        var vector: [Float]?
        var like: UUID?
        var search = IdeaOperations.Search(query: .embedding([]))
        try readMembers { reader, key in
            switch key {
            case "vector": vector = try fields.vector(&reader, "vector")
            case "like": like = try fields.id(&reader, "like")
            case "limit": search.limit = try fields.integer(&reader, "limit", in: FieldReader.limits) ?? search.limit
            case "skip": search.skip = try fields.integer(&reader, "skip", in: FieldReader.skips) ?? search.skip
            case "score_threshold":
                search.scoreThreshold = try fields.double(&reader, "score_threshold").map { Float($0) }
            case "min_score": search.filter.totalScore.gte = try fields.integer(&reader, "min_score")
            case "status":
                let status: IdeaStatus? = try fields.member(&reader, "status")
                search.filter.statuses = Set(status.map { [$0] } ?? [])
            case "trend": search.filter.trendIDs = Set(try fields.id(&reader, "trend").map { [$0] } ?? [])
            default: try fields.unknown(&reader, key.string)
            }
        }
        if fields.problems.isEmpty, (vector == nil) == (like == nil) {
            fields.note("vector", "or `like` must be given, and not both")
        }
        try fields.throwAny()
        search.query = like.map { .like($0) } ?? .embedding(vector ?? [])
        return search
    }
}

extension TrendParameters {
    mutating func ideaListing() throws -> IdeaOperations.Listing {
        var listing = IdeaOperations.Listing()
        listing.filter.totalScore.gte = integer("min_score")
        if let status: IdeaStatus = member("status") { listing.filter.statuses = [status] }
        if let trend = id("trend") { listing.filter.trendIDs = [trend] }
        listing.order = member("order_by") ?? listing.order
        listing.direction = member("order") ?? listing.direction
        listing.skip = skip() ?? 0
        listing.limit = limit() ?? listing.limit
        listing.after = cursor("after")
        try finish()
        return listing
    }
}
