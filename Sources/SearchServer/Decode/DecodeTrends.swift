import Foundation
import JSON
import SearchEngine
import Services
import TrendStore

/// Bodies of `/api/v1/trends…`. Unknown members are refused: whoever sends one expects something of it.
extension JSONReader {
    /// Throws a `ServiceError` that names every wrong member.
    mutating func readNewTrend() throws -> TrendOperations.NewTrend {
        var fields = FieldReader()
        var id: UUID?
        var discovered: Timestamp?
        var velocity: Double?
        var deduplicates = true
        let change = try readTrendMembers(&fields) { reader, key, fields in
            switch key {
            case "id": id = try fields.id(&reader, "id")
            case "discovered_at": discovered = try fields.time(&reader, "discovered_at")
            case "velocity": velocity = try fields.double(&reader, "velocity")
            case "deduplicate": deduplicates = try fields.bool(&reader, "deduplicate") ?? true
            default: return false
            }
            return true
        }
        // Every given member but a wrong one is checked by its rule as well.
        fields.require("title", change.title != nil)
        fields.require("source", change.source != nil)
        var trend = Trend(
            id: id ?? .timeOrdered(), title: change.title ?? "-", source: change.source ?? .reddit,
            discoveredAt: discovered ?? .now)
        change.apply(to: &trend)
        if let velocity { trend.velocity = velocity }
        trend = try fields.check { try trend.validated(with: change.embedding) } ?? trend
        try fields.throwAny()
        var new = TrendOperations.NewTrend(
            trend: trend, embedding: change.embedding, deduplicates: deduplicates)
        new.tellsEngagement = change.engagementScore != nil
        return new
    }

    mutating func readTrendChange() throws -> TrendOperations.Change {
        var fields = FieldReader()
        let change = try readTrendMembers(&fields) { reader, key, fields in
            switch key {
            case "id", "discovered_at": fields.note(key.string, "can't be changed")
            case "velocity": fields.note("velocity", "can't be changed: it follows from the observations")
            default: return false
            }
            try reader.skipValue()
            return true
        }
        // What is given is checked by its rule as well; the others stand for what the row has.
        var trend = Trend(title: "-", source: .reddit)
        change.apply(to: &trend)
        _ = try fields.check { try trend.validated(with: change.embedding) }
        try fields.throwAny()
        return change
    }

    /// - Parameter other: reads a member that isn't one of a change, and returns whether it knows it.
    private mutating func readTrendMembers(
        _ fields: inout FieldReader, _ other: (inout JSONReader, JSONKey, inout FieldReader) throws -> Bool
    ) throws -> TrendOperations.Change {
        var change = TrendOperations.Change()
        try readMembers { reader, key in
            switch key {
            case "title": change.title = try fields.string(&reader, "title")
            case "description": change.description = try fields.nullable(&reader, "description")
            case "url": change.url = try fields.nullable(&reader, "url")
            case "source": change.source = try fields.member(&reader, "source")
            case "category": change.category = try fields.nullable(&reader, "category")
            case "tags": change.tags = try fields.strings(&reader, "tags")
            case "engagement_score": change.engagementScore = try fields.double(&reader, "engagement_score")
            case "metadata": change.metadata = try fields.object(&reader, "metadata")
            case "embedding":
                if try !reader.readNullIfPresent() { change.embedding = try fields.vector(&reader, "embedding") }
            default:
                if try !other(&reader, key, &fields) { try fields.unknown(&reader, key.string) }
            }
        }
        return change
    }

    mutating func readTrendBatch() throws -> TrendOperations.Batch {
        var fields = FieldReader()
        var trends: [Result<TrendOperations.NewTrend, ServiceError>]?
        var keepsGood = true
        try readMembers { reader, key in
            switch key {
            case "trends":
                guard try reader.peek() == .array else {
                    fields.note("trends", "must be a list of trends")
                    return try reader.skipValue()
                }
                var read: [Result<TrendOperations.NewTrend, ServiceError>] = []
                var count = 0
                try reader.readLongArray { reader in
                    count += 1
                    // More than there may be are counted alone.
                    guard count <= TrendOperations.mostInBatch else { return try reader.skipValue() }
                    guard try reader.peek() == .object else {
                        try reader.skipValue()
                        return read.append(.failure(.outOfRange("", "must be an object")))
                    }
                    do {
                        read.append(.success(try reader.readNewTrend()))
                    } catch let error as ServiceError {
                        read.append(.failure(error))
                    }
                }
                if count > TrendOperations.mostInBatch {
                    fields.note("trends", "must be at most \(TrendOperations.mostInBatch) trends, not \(count)")
                }
                trends = read
            case "on_error":
                let policy: TrendOperations.BatchPolicy? = try fields.member(&reader, "on_error")
                keepsGood = policy != .refuse
            default: try fields.unknown(&reader, key.string)
            }
        }
        if trends == nil, !fields.problems.contains(where: { $0.field == "trends" }) {
            fields.note("trends", "is missing")
        }
        try fields.throwAny()
        return .init(trends: trends ?? [], keepsGood: keepsGood)
    }

    mutating func readEmbeddings() throws -> [EmbeddingOfRow] {
        var fields = FieldReader()
        var embeddings: [EmbeddingOfRow]?
        try readMembers { reader, key in
            guard key == "embeddings" else { return try fields.unknown(&reader, key.string) }
            guard try reader.peek() == .array else {
                fields.note("embeddings", "must be a list")
                return try reader.skipValue()
            }
            var read: [EmbeddingOfRow] = []
            var place = 0
            try reader.readLongArray { reader in
                place += 1
                guard place <= EmbeddingResult.mostAtOnce else { return try reader.skipValue() }
                let path = "embeddings[\(place - 1)]"
                let wrong = fields.wrongFields
                guard try reader.peek() == .object else {
                    fields.note(path, "must be an object")
                    return try reader.skipValue()
                }
                var id: UUID?
                var vector: [Float]?
                try reader.readMembers { reader, key in
                    switch key {
                    case "id": id = try fields.id(&reader, "\(path).id")
                    case "embedding": vector = try fields.vector(&reader, "\(path).embedding")
                    default: try fields.unknown(&reader, "\(path).\(key.string)")
                    }
                }
                if let id, let vector {
                    read.append(.init(id: id, vector: vector))
                } else if fields.wrongFields == wrong {
                    fields.note(path, "must have `id` and `embedding`")
                }
            }
            if place > EmbeddingResult.mostAtOnce {
                fields.note("embeddings", "must be at most \(EmbeddingResult.mostAtOnce) embeddings, not \(place)")
            }
            embeddings = read
        }
        if embeddings == nil, fields.problems.isEmpty { fields.note("embeddings", "is missing") }
        try fields.throwAny()
        return embeddings ?? []
    }

    mutating func readObservation() throws -> Observation {
        var fields = FieldReader()
        var time: Timestamp?
        var engagement: Double?
        var url: String?
        var source: TrendSource?
        try readMembers { reader, key in
            switch key {
            case "observed_at": time = try fields.time(&reader, "observed_at")
            case "engagement_score": engagement = try fields.double(&reader, "engagement_score")
            case "url": url = try fields.nullable(&reader, "url") ?? nil
            case "source": source = try fields.member(&reader, "source")
            default: try fields.unknown(&reader, key.string)
            }
        }
        fields.require("engagement_score", engagement != nil)
        fields.require("source", source != nil)
        let seen = Observation(
            observedAt: time ?? .now, engagementScore: engagement ?? 0, url: url, source: source ?? .reddit)
        _ = try fields.check { try seen.validated() }
        try fields.throwAny()
        return seen
    }

    mutating func readTrendSearch() throws -> TrendOperations.Search {
        var fields = FieldReader()
        var members = SearchMembers()
        var search = TrendOperations.Search(nil, TrendFilter())
        try readMembers { reader, key in
            switch key {
            case "category":
                search.filter.categories = Set(try fields.string(&reader, "category").map { [$0] } ?? [])
            case "source":
                let source: TrendSource? = try fields.member(&reader, "source")
                search.filter.sources = Set(source.map { [$0] } ?? [])
            case "stage":
                let stage: TrendStage? = try fields.member(&reader, "stage")
                search.filter.stages = Set(stage.map { [$0] } ?? [])
            case "tags": search.filter.allTags = Set(try fields.strings(&reader, "tags") ?? [])
            case "min_engagement": search.filter.engagementScore.gte = try fields.double(&reader, "min_engagement")
            case "since": search.filter.discoveredAt.gte = try fields.time(&reader, "since")
            case "until": search.filter.discoveredAt.lte = try fields.time(&reader, "until")
            default:
                if try !members.read(&reader, key, &fields, into: &search) { try fields.unknown(&reader, key.string) }
            }
        }
        search.query = try members.query(&fields)
        return search
    }
}

extension TrendOperations {
    /// What becomes of a batch with wrong trends.
    enum BatchPolicy: String, CaseIterable {
        /// The good trends are kept.
        case keep
        /// None is, when one is wrong.
        case refuse
    }
}

/// The query parameters of `/api/v1/trends…`, each wrong one named.
struct TrendParameters {
    private let query: QueryParameters
    var fields = FieldReader()
    private var known: Set<String> = ["timeout"]
    private var refused: Set<String> = []

    init(_ query: QueryParameters) { self.query = query }

    mutating func text(_ name: String) -> String? {
        known.insert(name)
        return query[name]
    }

    /// Of a parameter that the route takes otherwise.
    mutating func refuse(_ name: String, _ reason: String) {
        known.remove(name)
        refused.insert(name)
        if query[name] != nil { fields.note(name, reason) }
    }

    mutating func integer(_ name: String, in range: ClosedRange<Int>? = nil) -> Int? {
        guard let text = text(name) else { return nil }
        guard let value = Int(text) else {
            fields.note(name, "must be an integer, not `\(text.prefix(100))`")
            return nil
        }
        return fields.ranged(value, name, range)
    }

    /// Which part of a listing is asked for: `skip`, `limit` and `after`.
    mutating func page<Filter, Order>(of listing: inout RowListing<Filter, Order>) {
        listing.skip = skip() ?? listing.skip
        listing.limit = limit() ?? listing.limit
        listing.after = cursor("after")
    }

    /// `limit` and `skip`, in their ranges.
    mutating func limit() -> Int? { integer("limit", in: FieldReader.limits) }
    mutating func skip() -> Int? { integer("skip", in: FieldReader.skips) }

    mutating func double(_ name: String) -> Double? {
        guard let text = text(name) else { return nil }
        if let value = Double(text), value.isFinite { return value }
        fields.note(name, "must be a number, not `\(text.prefix(100))`")
        return nil
    }

    mutating func member<Value: RawRepresentable & CaseIterable>(_ name: String) -> Value?
    where Value.RawValue == String { text(name).flatMap { fields.member($0, name) } }

    mutating func bool(_ name: String) -> Bool? {
        guard let text = text(name) else { return nil }
        if text == "true" || text == "false" { return text == "true" }
        fields.note(name, "must be true or false, not `\(text.prefix(100))`")
        return nil
    }

    /// Values with commas between them.
    mutating func list(_ name: String) -> [String]? { text(name)?.split(separator: ",").map { String($0) } }

    mutating func time(_ name: String) -> Timestamp? { text(name).flatMap { fields.time($0, name) } }

    mutating func id(_ name: String) -> UUID? { text(name).flatMap { fields.id($0, name) } }

    mutating func cursor(_ name: String) -> PageCursor? {
        guard let text = text(name) else { return nil }
        if let cursor = PageCursor(text) { return cursor }
        fields.note(name, "isn't the `next` of a page")
        return nil
    }

    /// Throws for every parameter that is wrong, or that was not asked for.
    mutating func finish() throws {
        let list = known.sorted().map { "`\($0)`" }.joined(separator: ", ")
        for name in query.names where !known.contains(name) && !refused.contains(name) {
            fields.note(String(name.prefix(100)), "is unknown, expected one of \(list)")
        }
        for name in query.undecodable { fields.note(String(name.prefix(100)), "isn't percent-encoded UTF-8") }
        try fields.throwAny()
    }

    mutating func filter() -> TrendFilter {
        var filter = TrendFilter()
        filter.categories = Set(text("category").map { [$0] } ?? [])
        if let source: TrendSource = member("source") { filter.sources = [source] }
        if let stage: TrendStage = member("stage") { filter.stages = [stage] }
        filter.allTags = Set(list("tags") ?? [])
        filter.engagementScore.gte = double("min_engagement")
        filter.discoveredAt.gte = time("since")
        filter.discoveredAt.lte = time("until")
        return filter
    }

    mutating func trendSearch() throws -> TrendOperations.Search {
        var search = TrendOperations.Search(nil, filter())
        search.text = text("q")
        return try finish(search)
    }

    /// The part of a listing that all have in common: its direction and its page.
    mutating func finish<Filter, Order>(_ listing: RowListing<Filter, Order>) throws -> RowListing<Filter, Order> {
        var listing = listing
        listing.direction = member("order") ?? listing.direction
        page(of: &listing)
        try finish()
        return listing
    }

    /// The part of a search by text that trends and ideas have in common.
    mutating func finish<Filter>(_ search: RowSearch<Filter>) throws -> RowSearch<Filter> {
        var search = search
        if search.text == nil { fields.note("q", "is missing") }
        search.mode = member("mode")
        search.limit = limit() ?? search.limit
        search.skip = skip() ?? search.skip
        search.scoreThreshold = double("score_threshold").map { Float($0) }
        try finish()
        return search
    }

    mutating func listing() throws -> TrendOperations.Listing {
        var listing = TrendOperations.Listing(TrendFilter(), by: .discoveredAt)
        listing.filter = filter()
        listing.order = member("order_by") ?? listing.order
        return try finish(listing)
    }
}
