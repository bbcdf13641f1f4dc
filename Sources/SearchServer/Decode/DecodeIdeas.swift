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
        fields.require("trend_id", change.trendID != nil)
        fields.require("title", change.title != nil)
        for score in IdeaScore.allCases { fields.require(score.rawValue, change.scores[score] != nil) }
        var idea = Idea(
            id: id ?? .timeOrdered(), trendID: change.trendID ?? UUID(), title: change.title ?? "-",
            scores: IdeaScores(
                marketSize: 0, competition: 0, demand: 0, monetization: 0, feasibility: 0, timeToMarket: 0))
        change.apply(to: &idea)
        idea = try fields.check { try idea.validated(with: change.embedding) } ?? idea
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
        _ = try fields.check { try idea.validated(with: change.embedding) }
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

    mutating func readAnalysis(_ call: Call) throws -> IdeaOperations.Analysis {
        var fields = FieldReader()
        var texts: [String]?
        var key = call.headers.first(name: "idempotency-key")
        try readMembers { reader, member in
            switch member {
            case "trend_ids":
                texts = try fields.strings(&reader, "trend_ids", most: IdeaOperations.mostTrendsOfAnalysis)
            case "idempotency_key": key = try fields.nullable(&reader, "idempotency_key") ?? key
            default: try fields.unknown(&reader, member.string)
            }
        }
        fields.require("trend_ids", texts != nil)
        if texts?.isEmpty == true { fields.note("trend_ids", "must name at least one trend") }
        let ids = (texts ?? []).enumerated().compactMap { fields.id($1, "trend_ids[\($0)]") }
        try fields.throwAny()
        return .init(trends: ids, idempotencyKey: key)
    }

    mutating func readIdeaSearch() throws -> IdeaOperations.Search {
        var fields = FieldReader()
        var members = SearchMembers()
        var search = IdeaOperations.Search(nil, IdeaFilter())
        try readMembers { reader, key in
            switch key {
            case "min_score": search.filter.totalScore.gte = try fields.integer(&reader, "min_score")
            case "status":
                let status: IdeaStatus? = try fields.member(&reader, "status")
                search.filter.statuses = Set(status.map { [$0] } ?? [])
            case "trend": search.filter.trendIDs = Set(try fields.id(&reader, "trend").map { [$0] } ?? [])
            default:
                if try !members.read(&reader, key, &fields, into: &search) { try fields.unknown(&reader, key.string) }
            }
        }
        search.query = try members.query(&fields)
        return search
    }
}

extension TrendParameters {
    mutating func ideaSearch() throws -> IdeaOperations.Search {
        var search = IdeaOperations.Search(nil, IdeaFilter())
        search.text = text("q")
        search.filter.totalScore.gte = integer("min_score")
        if let status: IdeaStatus = member("status") { search.filter.statuses = [status] }
        if let trend = id("trend") { search.filter.trendIDs = [trend] }
        return try finish(search)
    }

    mutating func ideaListing() throws -> IdeaOperations.Listing {
        var listing = IdeaOperations.Listing(IdeaFilter(), by: .totalScore)
        listing.filter.totalScore.gte = integer("min_score")
        if let status: IdeaStatus = member("status") { listing.filter.statuses = [status] }
        if let trend = id("trend") { listing.filter.trendIDs = [trend] }
        listing.order = member("order_by") ?? listing.order
        return try finish(listing)
    }
}
