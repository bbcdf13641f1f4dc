import JSON
import Services
import TrendStore

/// Ideas and businesses in requests and answers, as ``Endpoints/ideas`` and ``Endpoints/businesses`` read and write them.
enum IdeaSchemas {
    private static let title = Schema.text(FieldRules.titleLength)
    private static let score = Schema.integer(FieldRules.score)
    private static let status = Schema.member(of: IdeaStatus.self)

    private static let given: Schema.Members = [
        "trend_id": .id, "title": title, "description": TrendSchemas.description, "market_size": score,
        "competition": score, "demand": score, "monetization": score, "feasibility": score, "time_to_market": score,
        "analysis": Schema.storedObject, "analyzed_at": Schema.time, "status": status,
        "embedding": TrendSchemas.embedding.orNull,
    ]
    static let new = Schema.request(
        ["id": Schema.id.about("Made, if it isn't given.")], given,
        required: ["trend_id", "title"] + IdeaScore.allCases.map(\.rawValue))
    static let change = Schema.request(given).about(
        "`status` goes from `pending` to `approved` or `rejected`, from `approved` to `in_development` or `rejected`, from `rejected` to "
            + "`pending`, and from `in_development` to `rejected`.")

    static let idea = Schema.answer([
        "id": .id, "trend_id": .id, "title": title, "description": TrendSchemas.description, "market_size": score,
        "competition": score, "demand": score, "monetization": score, "feasibility": score, "time_to_market": score,
        "total_score": score.about("The mean of the six, rounded down."), "analysis": .anyObject,
        "analyzed_at": .toldTime, "status": status, "embedding_status": .member(of: EmbeddingStatus.self),
    ])

    static let search = Schema.request([
        "vector": TrendSchemas.embedding, "like": Schema.id.about("An idea with an embedding; it is left out itself."),
        "q": TrendSchemas.searchedText, "mode": .member(of: SearchMode.self), "limit": TrendSchemas.searchLimit,
        "skip": Schema.integer(FieldReader.skips).byDefault(0), "score_threshold": .number(),
        "min_score": Schema.integer().about("Of the total score."), "status": status, "trend": .id,
    ]).withSome(of: "vector", "like", "q")

    static let analysis = Schema.request(
        [
            "trend_ids": .array(of: .id, most: IdeaOperations.mostTrendsOfAnalysis, least: 1),
            "idempotency_key": WorkSchemas.idempotencyKey,
        ], required: ["trend_ids"])

    // MARK: Businesses

    private static let money = Schema.number(-Money.largest...Money.largest).with("format", "decimal")
    private static let revenue = Schema.anyOf(
        money.about("At most two places, and no exponent."),
        .string(pattern: #"^-?[0-9]{1,10}(\.[0-9]{1,2}0*)?$"#).with("format", "decimal").examples(
            "1250.50", "-3.5", "19", "0.100"))
    private static let domain = Schema.string(
        pattern:
            #"^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+$"#
    ).with("format", "hostname").with("maxLength", JSONValue(FieldRules.domainLength.upperBound)).examples(
        "sun.example.org", "xn--e1afmkfd.xn--p1ai", "A-1.example")
    private static let givenToBusiness: Schema.Members = [
        "idea_id": Schema.id.orNull, "name": .text(FieldRules.nameLength), "domain": domain.orNull,
        "status": .member(of: BusinessStatus.self), "revenue_monthly": revenue, "users_count": .integer(atLeast: 0),
        "developed_at": Schema.time.orNull, "launched_at": Schema.time.orNull, "metadata": .storedObject,
    ]
    static let newBusiness = Schema.request(
        ["id": Schema.id.about("Made, if it isn't given."), "created_at": Schema.time], givenToBusiness,
        required: ["name"])
    static let businessChange = Schema.request(givenToBusiness).about(
        "What becomes `launched` or `active` without `launched_at` gets the present time there.")
    static let business = Schema.answer([
        "id": .id, "idea_id": Schema.id.orNull, "name": .text(FieldRules.nameLength), "domain": domain.orNull,
        "status": .member(of: BusinessStatus.self), "revenue_monthly": money.about("Exact, with two places."),
        "users_count": .integer(atLeast: 0), "developed_at": Schema.toldTime.orNull,
        "launched_at": Schema.toldTime.orNull, "created_at": .toldTime, "metadata": .anyObject,
    ])

    static let all: Schema.Members = [
        "Idea": idea, "NewIdea": new, "IdeaChange": change, "IdeaSearch": search, "Analysis": analysis,
        "Business": business, "NewBusiness": newBusiness, "BusinessChange": businessChange,
    ]
}
