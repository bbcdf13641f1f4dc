import JSON
import Services
import TrendStore

/// What the description says of ``Endpoints/trends``.
extension RouteDescription {
    static let trends: [RouteDescription] = [
        .init(
            method: .GET, path: "/trends", name: "listTrends", summary: "List trends",
            parameters: Parameter.trendFilters + [
                .orderBy(TrendOrder.self, .discoveredAt, example: .velocity), .order,
                .limit(TrendOperations.Listing(TrendFilter(), by: .discoveredAt).limit), .skip,
                .after("discovered_at.desc.i1777636800000000.01969f2a-4a00-7c3e-9b1d-3f0a6c1e7b01"),
            ], answers: [.page(of: "Trend", Examples.trend)]),
        .init(
            method: .POST, path: "/trends", name: "createTrend", summary: "Store a trend",
            details: """
                A trend that was seen within a day, by its title, its URL or an embedding that is nearly the same, gets an observation; the \
                answer is 200 with the known trend then.
                """,
            body: Body(
                schema: "NewTrend",
                examples: [
                    "short": ["title": "Balcony solar", "source": "reddit"],
                    "full": [
                        "title": "Balcony solar", "description": "Panels that tenants plug in",
                        "url": "https://example.org/solar", "source": "reddit", "category": "energy",
                        "tags": ["solar", "diy"], "engagement_score": 120, "velocity": 5.5,
                        "discovered_at": "2026-05-01T12:00:00Z", "metadata": ["language": "en"], "deduplicate": false,
                    ],
                ]),
            answers: [
                .data(201, "Stored", .reference("Trend"), Examples.trend, meta: known(false)),
                .data(200, "Known: an observation was added", .reference("Trend"), Examples.trend, meta: known(true)),
            ], errors: [409]),
        .init(
            method: .POST, path: "/trends/batch", name: "createTrends", summary: "Store many trends",
            details: """
                What is wrong with one is told by its place, and the others are kept; with `"on_error": "refuse"` all are stored in one \
                transaction, or none is. The answer is 422 when none could be stored, and 200 when all were known.
                """,
            body: Body(
                schema: "TrendBatch",
                examples: [
                    "keep": [
                        "trends": [
                            ["title": "Heat pumps", "source": "youtube"], ["title": "Cargo bikes", "source": "vk"],
                        ]
                    ],
                    "refuse": ["trends": [["title": "Tiny houses", "source": "vk"]], "on_error": "refuse"],
                ]),
            answers: [
                .data(
                    201, "Stored, at least one of them", .reference("BatchResult"),
                    [
                        "created": [["index": 0, "id": Examples.trendID]], "known": [],
                        "errors": [
                            [
                                "index": 1,
                                "error": [
                                    "code": "VALIDATION_ERROR", "message": "title must have 1 to 500 characters, not 0",
                                    "details": [["field": "title", "message": "must have 1 to 500 characters, not 0"]],
                                ],
                            ]
                        ],
                    ]),
                .data(
                    200, "All were known", .reference("BatchResult"),
                    ["created": [], "known": [["index": 0, "id": Examples.trendID]], "errors": []]),
            ], errors: [409]),
        .init(
            method: .GET, path: "/trends/search", name: "searchTrendsByText", summary: "Search trends by a text",
            parameters: [.text, .mode] + Parameter.trendFilters + [
                .limit(TrendOperations.Search(nil, TrendFilter()).limit), .skip, .scoreThreshold,
            ], answers: [.hits(of: "Trend", as: "trend", Examples.trend)], errors: [409]),
        .init(
            method: .POST, path: "/trends/search", name: "searchTrends",
            summary: "Search trends by a vector, by likeness or by a text",
            body: Body(
                schema: "TrendSearch",
                examples: [
                    "like": ["like": Examples.trendID, "limit": 3],
                    "vector": [
                        "vector": Examples.embedding, "source": "reddit", "tags": ["solar"], "min_engagement": 50,
                    ],
                    "words": ["q": "solar -wind", "mode": "text"],
                    "text": ["q": "solar panels", "stage": "new", "since": "2026-01-01T00:00:00Z"],
                ]),
            answers: [.hits(of: "Trend", as: "trend", Examples.trend)], errors: [404, 409]),
        .init(
            method: .GET, path: "/trends/stats", name: "trendStatistics", summary: "Count trends",
            answers: [
                .data(
                    200, "Counts, the most frequent first, and the trends that grow fastest",
                    .reference("TrendStatistics"),
                    [
                        "total": 1, "needing_embeddings": 0, "by_category": [["category": "energy", "count": 1]],
                        "by_source": [["source": "reddit", "count": 1]], "by_stage": [["stage": "new", "count": 1]],
                        "top_trending": [Examples.trend],
                    ])
            ]),
        .init(
            method: .GET, path: "/trends/categories/trending", name: "trendingCategories",
            summary: "The categories that grow fastest",
            parameters: [
                .query(
                    "days",
                    Schema.integer(TrendOperations.Period.allowedDays)
                        .byDefault(JSONValue(TrendOperations.Period().days)),
                    "Trends that were discovered in so many days count.", example: 30),
                .limit(TrendOperations.Period().limit),
            ],
            answers: [
                .data(
                    200, "Categories with the sums over their trends", .array(of: .reference("TrendingCategory")),
                    [["category": "energy", "count": 1, "velocity": 5.5, "engagement_score": 120.0]])
            ]),
        .init(
            method: .GET, path: "/trends/needing-embeddings", name: "trendsNeedingEmbeddings",
            summary: "List trends whose embedding is missing or stale", details: "Who waits longest comes first.",
            parameters: [
                .limit(TrendOperations.Listing(TrendFilter(), by: .discoveredAt).limit), .skip,
                .after("discovered_at.asc.i1777636800000000.01969f2a-4a00-7c3e-9b1d-3f0a6c1e7b01"),
            ], answers: [.page(of: "Trend", Examples.trend)]),
        .init(
            method: .PUT, path: "/trends/embeddings", name: "embedTrends", summary: "Give trends their embeddings",
            details: "All of them or, when one is wrong, none.",
            body: Body(
                schema: "Embeddings",
                examples: ["one": ["embeddings": [["id": Examples.trendID, "embedding": Examples.embedding]]]]),
            answers: [
                .data(200, "Given", .reference("EmbeddingResult"), ["embedded": 1, "missing": []])
            ], errors: [409]),
        .init(
            method: .GET, path: "/trends/{id}", name: "getTrend", summary: "A trend, with the numbers behind its stage",
            parameters: [.id(of: Examples.trendID)],
            answers: [
                .data(200, "The trend", .reference("TrendDetails"), Examples.trend.with("dynamics", Examples.dynamics))
            ]),
        .init(
            method: .PATCH, path: "/trends/{id}", name: "changeTrend", summary: "Change a trend",
            details: "Changes the members that are given. Another engagement score is an observation.",
            parameters: [.id(of: Examples.trendID)],
            body: Body(
                schema: "TrendChange",
                examples: ["some": ["engagement_score": 180, "tags": ["solar"], "description": nil], "none": [:]]),
            answers: [.data(200, "The trend as it is then", .reference("Trend"), Examples.trend)], errors: [409]),
        .init(
            method: .DELETE, path: "/trends/{id}", name: "deleteTrend",
            summary: "Delete a trend with its observations, ideas and points",
            parameters: [.id(of: Examples.trendID)], answers: [.deleted(Examples.trendID)]),
        .init(
            method: .GET, path: "/trends/{id}/observations", name: "listObservations",
            summary: "What was seen of a trend, newest first",
            parameters: [
                .id(of: Examples.trendID),
                .limit(TrendOperations.ObservationPage(trend: .timeOrdered()).limit), .skip,
            ],
            answers: [
                .data(
                    200, "Observations",
                    .array(of: .reference("Observation"), most: FieldReader.limits.upperBound), [Examples.observation])
            ]),
        .init(
            method: .POST, path: "/trends/{id}/observations", name: "observeTrend",
            summary: "Note what was seen of a trend",
            details: "Engagement, velocity and stage follow from the observations.",
            parameters: [.id(of: Examples.trendID)],
            body: Body(
                schema: "NewObservation",
                examples: [
                    "now": ["engagement_score": 150, "source": "reddit"],
                    "then": [
                        "engagement_score": 150, "source": "vk", "observed_at": "2026-05-02T12:00:00Z",
                        "url": "https://example.org/solar",
                    ],
                ]),
            answers: [.data(201, "The trend as it is then", .reference("Trend"), Examples.trend)], errors: [409]),
    ]

    private static func known(_ value: Bool) -> (schema: Schema, example: JSONValue) {
        (.answer(["known": .constant(.bool(value))]), ["known": .bool(value)])
    }
}

extension RouteDescription.Answer {
    static func deleted(_ id: JSONValue) -> RouteDescription.Answer {
        .data(200, "Deleted", .answer(["id": .id]), ["id": id])
    }
}

extension JSONValue {
    /// The same object with another member.
    func with(_ name: String, _ value: JSONValue) -> JSONValue {
        var object = self
        object[name] = value
        return object
    }
}
