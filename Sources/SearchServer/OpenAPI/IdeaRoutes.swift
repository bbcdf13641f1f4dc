import JSON
import Services
import TrendStore

/// What the description says of ``Endpoints/ideas`` and ``Endpoints/businesses``.
extension RouteDescription {
    private static let ofTrend = Parameter.query("trend", .id, "Only ideas of this trend.", example: Examples.trendID)
    private static let ideaStatus = Parameter.status(IdeaStatus.self, example: .pending)
    private static let ideaID = Parameter.id(of: Examples.ideaID)
    private static let newIdea: JSONValue = [
        "trend_id": Examples.trendID, "title": "Panels by subscription", "market_size": 80, "competition": 35,
        "demand": 71, "monetization": 60, "feasibility": 55, "time_to_market": 40,
    ]

    static let ideas: [RouteDescription] = [
        .init(
            method: .GET, path: "/ideas", name: "listIdeas", summary: "List ideas",
            parameters: [
                .minimumScore, ideaStatus, ofTrend, .orderBy(IdeaOrder.self, .totalScore, example: .analyzedAt), .order,
                .limit(IdeaOperations.Listing(IdeaFilter(), by: .totalScore).limit), .skip,
                .after("total_score.desc.i56.01969f2a-4a00-7c3e-9b1d-3f0a6c1e7b02"),
            ], answers: [.page(of: "Idea", Examples.idea)]),
        .init(
            method: .POST, path: "/ideas", name: "createIdea", summary: "Store an idea",
            body: Body(
                schema: "NewIdea",
                examples: [
                    "short": newIdea,
                    "full": newIdea.with("description", "Rent by the month").with("analysis", ["risk": "low"])
                        .with("analyzed_at", "2026-05-01T13:00:00Z").with("status", "pending")
                        .with("embedding", Examples.embedding),
                ]),
            answers: [.data(201, "Stored", .reference("Idea"), Examples.idea)], errors: [404, 409]),
        .init(
            method: .GET, path: "/ideas/top", name: "topIdeas", summary: "The best ideas by total score",
            parameters: [.limit(10), ideaStatus], answers: [.page(of: "Idea", Examples.idea)]),
        .init(
            method: .GET, path: "/ideas/search", name: "searchIdeasByText", summary: "Search ideas by a text",
            parameters: [
                .text, .mode, .minimumScore, ideaStatus, ofTrend,
                .limit(IdeaOperations.Search(nil, IdeaFilter()).limit), .skip, .scoreThreshold,
            ], answers: [.hits(of: "Idea", as: "idea", Examples.idea)], errors: [409]),
        .init(
            method: .POST, path: "/ideas/search", name: "searchIdeas",
            summary: "Search ideas by a vector, by likeness or by a text",
            body: Body(
                schema: "IdeaSearch",
                examples: [
                    "like": ["like": Examples.ideaID, "limit": 3],
                    "vector": ["vector": Examples.embedding, "min_score": 50, "trend": Examples.trendID],
                    "text": ["q": "subscription", "status": "pending"],
                ]),
            answers: [.hits(of: "Idea", as: "idea", Examples.idea)], errors: [404, 409]),
        .init(
            method: .POST, path: "/ideas/analyze", name: "analyzeTrends", summary: "Have ideas made of trends",
            details:
                "Queues a job of the type `\(Analyst.jobType)`, which the server does itself where a chat service is configured.",
            parameters: [.idempotencyKey],
            body: Body(schema: "Analysis", examples: ["one": ["trend_ids": [Examples.trendID]]]),
            answers: queued, errors: [404, 409]),
        .init(
            method: .GET, path: "/ideas/needing-embeddings", name: "ideasNeedingEmbeddings",
            summary: "List ideas whose embedding is missing or stale", details: "Who waits longest comes first.",
            parameters: [
                .limit(IdeaOperations.Listing(IdeaFilter(), by: .analyzedAt).limit), .skip,
                .after("analyzed_at.asc.i1777640400000000.01969f2a-4a00-7c3e-9b1d-3f0a6c1e7b02"),
            ], answers: [.page(of: "Idea", Examples.idea)]),
        .init(
            method: .PUT, path: "/ideas/embeddings", name: "embedIdeas", summary: "Give ideas their embeddings",
            details: "All of them or, when one is wrong, none.",
            body: Body(
                schema: "Embeddings",
                examples: ["one": ["embeddings": [["id": Examples.ideaID, "embedding": Examples.embedding]]]]),
            answers: [
                .data(200, "Given", .reference("EmbeddingResult"), ["embedded": 1, "missing": []])
            ], errors: [409]),
        .init(
            method: .GET, path: "/ideas/{id}", name: "getIdea", summary: "An idea", parameters: [ideaID],
            answers: [.data(200, "The idea", .reference("Idea"), Examples.idea)]),
        .init(
            method: .PATCH, path: "/ideas/{id}", name: "changeIdea", summary: "Change an idea",
            details: "Changes the members that are given. The status goes along its steps alone.",
            parameters: [ideaID],
            body: Body(
                schema: "IdeaChange",
                examples: ["decision": ["status": "approved"], "scores": ["demand": 90, "feasibility": 20]]),
            answers: [.data(200, "The idea as it is then", .reference("Idea"), Examples.idea)], errors: [409]),
        .init(
            method: .DELETE, path: "/ideas/{id}", name: "deleteIdea", summary: "Delete an idea and its point",
            parameters: [ideaID], answers: [.deleted(Examples.ideaID)]),
        .init(
            method: .GET, path: "/ideas/{id}/similar", name: "similarIdeas", summary: "The ideas that are like one",
            parameters: [
                ideaID, .limit(IdeaOperations.Search(nil, IdeaFilter()).limit), .skip, .minimumScore,
                ideaStatus,
            ], answers: [.hits(of: "Idea", as: "idea", Examples.idea)]),
    ]

    private static let businessID = Parameter.id(of: Examples.businessID)

    static let businesses: [RouteDescription] = [
        .init(
            method: .GET, path: "/businesses", name: "listBusinesses", summary: "List businesses",
            parameters: [
                .status(BusinessStatus.self, example: .development),
                .query("idea", .id, "Only businesses of this idea.", example: Examples.ideaID),
                .orderBy(BusinessOrder.self, .createdAt, example: .revenueMonthly), .order,
                .limit(BusinessOperations.Listing(BusinessFilter(), by: .createdAt).limit), .skip,
                .after("created_at.desc.i1777798800000000.01969f2a-4a00-7c3e-9b1d-3f0a6c1e7b03"),
            ], answers: [.page(of: "Business", Examples.business)]),
        .init(
            method: .POST, path: "/businesses", name: "createBusiness", summary: "Store a business",
            body: Body(
                schema: "NewBusiness",
                examples: [
                    "short": ["name": "Sun rent"],
                    "full": [
                        "idea_id": Examples.ideaID, "name": "Sun rent", "domain": "sun.example.org",
                        "status": "development", "revenue_monthly": "1250.50", "users_count": 42,
                        "developed_at": "2026-05-02T09:00:00Z", "launched_at": nil,
                        "created_at": "2026-05-03T09:00:00Z", "metadata": ["team": 3],
                    ],
                ]),
            answers: [.data(201, "Stored", .reference("Business"), Examples.business)], errors: [404, 409]),
        .init(
            method: .GET, path: "/businesses/{id}", name: "getBusiness", summary: "A business",
            parameters: [businessID],
            answers: [.data(200, "The business", .reference("Business"), Examples.business)]),
        .init(
            method: .PATCH, path: "/businesses/{id}", name: "changeBusiness", summary: "Change a business",
            details: "Changes the members that are given.", parameters: [businessID],
            body: Body(
                schema: "BusinessChange",
                examples: ["launch": ["status": "launched", "revenue_monthly": 19.9], "apart": ["idea_id": nil]]),
            answers: [.data(200, "The business as it is then", .reference("Business"), Examples.business)]),
        .init(
            method: .DELETE, path: "/businesses/{id}", name: "deleteBusiness", summary: "Delete a business",
            parameters: [businessID], answers: [.deleted(Examples.businessID)]),
    ]
}
