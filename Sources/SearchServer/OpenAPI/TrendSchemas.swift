import JSON
import Services
import TrendStore

/// Trends in requests and answers, as ``Endpoints/trends`` reads and writes them.
enum TrendSchemas {
    private static let title = Schema.text(FieldRules.titleLength)
    static let description = Schema.text(FieldRules.descriptionLength).orNull
    /// By RFC 3986, with characters beyond ASCII as they are, and a port below 65,536 (``FieldRules/url(_:_:)``).
    static let url: Schema = {
        let character = #"(?:[^\u0000-\u0020\u007f-\u00a0\s<>"{}|\\^`%/?#@\[\]:]|%[0-9a-fA-F]{2})"#
        let tail = #"(?:[^\u0000-\u0020\u007f-\u00a0\s<>"{}|\\^`%]|%[0-9a-fA-F]{2})*"#
        let port = "(?::(?:[0-5]?[0-9]{0,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
        return Schema.string(
            pattern:
                "^[hH][tT][tT][pP][sS]?://(?:(?:\(character)|:)*@)?(?:\(character)+|\\[[0-9a-fA-F.]*:[0-9a-fA-F:.]*\\])"
                + "\(port)(?:[/?#]\(tail))?$"
        ).with("format", "iri").with("maxLength", JSONValue(FieldRules.urlLength.upperBound)).examples(
            "https://example.org/solar", "http://user@[2001:db8::1]:8080/a%20b?c=d#e", "https://пример.рф/тренд")
    }()
    private static let source = Schema.member(of: TrendSource.self)
    private static let tags = Schema.array(of: .keyword, most: FieldRules.maximumTags)
    private static let engagement = Schema.number(atLeast: 0)

    static let embedding = Schema.array(
        of: Schema.number().with("format", "float"), most: TrendStore.embeddingDimensions,
        least: TrendStore.embeddingDimensions
    ).about("Only the direction counts. Its length is 1e-15 to 1e15.")

    static let new = Schema.request(
        [
            "id": Schema.id.about("Made, if it isn't given."), "title": title, "description": description,
            "url": url.orNull, "source": source, "category": Schema.keyword.orNull, "tags": tags.byDefault([]),
            "engagement_score": engagement.byDefault(0),
            "velocity": Schema.number().byDefault(0).about("Points a day, until observations tell it."),
            "discovered_at": Schema.time, "metadata": Schema.storedObject.byDefault([:]), "embedding": embedding.orNull,
            "deduplicate": Schema.boolean.byDefault(true).about(
                "Whether a trend that was seen within a day gets an observation in place of a new row."),
        ], required: ["title", "source"])

    static let change = Schema.request([
        "title": title, "description": description, "url": url.orNull, "source": source,
        "category": Schema.keyword.orNull, "tags": tags, "engagement_score": engagement,
        "metadata": .storedObject, "embedding": embedding.orNull,
    ])

    private static let members: Schema.Members = [
        "id": .id, "title": title, "description": description, "url": url.orNull, "source": source,
        "category": Schema.keyword.orNull, "tags": tags, "engagement_score": engagement, "velocity": .number(),
        "stage": .member(of: TrendStage.self), "discovered_at": .toldTime, "metadata": .anyObject,
        "embedding_status": .member(of: EmbeddingStatus.self),
    ]
    static let trend = Schema.answer(members)

    private static let dynamics = Schema.answer([
        "observations": .integer(atLeast: 1), "newest": engagement, "peak": engagement,
        "velocity_per_day": Schema.number().orNull, "growth_per_day": Schema.number().orNull,
    ]).about("The numbers behind the stage. Velocity and growth are null until observations are an hour apart.")
    static let details = Schema.answer(members, ["dynamics": dynamics.orNull])

    static let batch = Schema.request(
        [
            "trends": .array(of: .reference("NewTrend"), most: TrendOperations.mostInBatch).about(
                "A trend that breaks its rules is told under `errors`; the others are kept, unless `on_error` says otherwise."
            ),
            "on_error": Schema.member(of: TrendOperations.BatchPolicy.self).byDefault("keep").about(
                "`refuse` creates all in one transaction, or none."),
        ], required: ["trends"])

    private static let place = Schema.integer(0...TrendOperations.mostInBatch - 1)
    private static let stored = Schema.array(of: .answer(["index": place, "id": .id]))
    static let batchResult = Schema.answer([
        "created": stored, "known": stored,
        "errors": .array(of: .answer(["index": place, "error": .reference("PartError")])),
    ])

    static let embeddings = Schema.request(
        [
            "embeddings": .array(
                of: .request(["id": .id, "embedding": embedding], required: ["id", "embedding"]),
                most: EmbeddingResult.mostAtOnce)
        ], required: ["embeddings"])
    static let embedded = Schema.answer([
        "embedded": .integer(atLeast: 0), "missing": Schema.array(of: .id).about("Ids without a row."),
    ])

    static let newObservation = Schema.request(
        [
            "engagement_score": engagement, "source": source,
            "observed_at": Schema.time.about("Now, if it isn't given."),
            "url": url.orNull,
        ], required: ["engagement_score", "source"])
    static let observation = Schema.answer([
        "observed_at": .toldTime, "engagement_score": engagement, "url": url.orNull, "source": source,
    ])

    static let search = Schema.request([
        "vector": embedding, "like": Schema.id.about("A trend with an embedding; it is left out itself."),
        "q": searchedText, "mode": .member(of: SearchMode.self), "limit": searchLimit,
        "skip": Schema.integer(FieldReader.skips).byDefault(0),
        "score_threshold": .number(), "category": .filtered, "source": source, "stage": .member(of: TrendStage.self),
        "tags": .array(of: .filtered, most: FieldReader.mostStrings), "min_engagement": .number(), "since": .time,
        "until": .time,
    ]).withSome(of: "vector", "like", "q")

    static let searchedText = Schema.string(of: 1...TextEmbeddingLimits.longestQuery).about(
        "What is searched for. In the mode `hybrid` a vector or a likeness may stand beside it, otherwise one of them alone is given."
    )

    private static let rank = Schema.integer(atLeast: 1)
    private static let texts = Schema.array(of: .string)
    static let match = Schema.answer(
        optional: [
            "semantic": .answer(["rank": rank, "score": .number()]),
            "text": Schema.answer([
                "rank": rank, "score": .number(), "terms": texts, "words": texts, "fields": texts,
            ]).about("`terms` of the query that the row has, as which of its `words`, in which `fields`."),
        ]
    ).about("Why a row was found.")
    static let searchMeta = Schema.answer(
        ["mode": .member(of: SearchMode.self)],
        optional: [
            "text": Schema.answer(["terms": texts, "excluded": texts, "ignored": texts, "complete": .boolean]).about(
                "What became of the query's words; `complete` says whether all rows with them were looked at.")
        ])
    static let searchLimit = Schema.integer(FieldReader.limits).byDefault(10)

    private static func counts(_ name: String, _ value: Schema) -> Schema {
        .array(of: .answer([name: value, "count": .integer(atLeast: 1)]))
    }
    static let statistics = Schema.answer([
        "total": .integer(atLeast: 0), "needing_embeddings": .integer(atLeast: 0),
        "by_category": counts("category", Schema.keyword.orNull), "by_source": counts("source", source),
        "by_stage": counts("stage", .member(of: TrendStage.self)),
        "top_trending": .array(of: .reference("Trend"), most: TrendStore.topTrends),
    ])
    static let category = Schema.answer([
        "category": .keyword, "count": .integer(atLeast: 1), "velocity": .number(), "engagement_score": engagement,
    ])

    static let all: Schema.Members = [
        "Trend": trend, "TrendDetails": details, "NewTrend": new, "TrendChange": change, "TrendBatch": batch,
        "BatchResult": batchResult, "TrendSearch": search, "TrendStatistics": statistics, "Match": match,
        "SearchMeta": searchMeta, "TrendingCategory": category,
        "Embeddings": embeddings, "EmbeddingResult": embedded, "NewObservation": newObservation,
        "Observation": observation,
    ]
}
