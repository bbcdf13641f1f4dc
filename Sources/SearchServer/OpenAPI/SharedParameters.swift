import JSON
import Services
import TrendStore

/// Parameters that several routes take.
extension RouteDescription.Parameter {
    static func limit(_ most: Int) -> Self {
        .query(
            "limit", .integer(FieldReader.limits).byDefault(JSONValue(most)), "The most that are answered.", example: 5)
    }

    static let skip = query(
        "skip", .integer(FieldReader.skips).byDefault(0), "Passed over first. Use `after` for what is farther.",
        example: 0)

    static func after(_ example: JSONValue) -> Self {
        query("after", .string, "The `next` of a page of the same order: goes on behind it.", example: example)
    }

    static let order = query(
        "order", .member(of: SortDirection.self).byDefault(.string(SortDirection.descending.rawValue)),
        "Rising or falling.", example: "asc")

    static func orderBy<Order: RawRepresentable & CaseIterable>(
        _: Order.Type, _ usual: Order, example: Order
    ) -> Self where Order.RawValue == String {
        query(
            "order_by", .member(of: Order.self).byDefault(.string(usual.rawValue)),
            "What rows are sorted by; equal ones by id.", example: .string(example.rawValue))
    }

    static func status<Status: RawRepresentable & CaseIterable>(_: Status.Type, example: Status) -> Self
    where Status.RawValue == String {
        query("status", .member(of: Status.self), "Only those with this status.", example: .string(example.rawValue))
    }

    /// What is searched for, as words.
    static let text = query(
        "q", .string(of: 1...TextEmbeddingLimits.longestQuery), "What is searched for.", example: "solar panels",
        isRequired: true)

    static let mode = query(
        "mode", .member(of: SearchMode.self),
        "By meaning (`semantic`, which takes an embedder), by words (`text`), or by both (`hybrid`). By meaning where the server has an embedder, by words otherwise.",
        example: "text")

    static let scoreThreshold = query(
        "score_threshold", .number(), "Only those that are at least so similar.", example: 0.1)

    static let minimumScore = query("min_score", .integer(), "Only ideas of at least this total score.", example: 50)

    /// What trends are listed and searched by.
    static let trendFilters: [Self] = [
        .query("category", .filtered, "Only trends of this category.", example: "energy"),
        .query("source", .member(of: TrendSource.self), "Only trends of this source.", example: "reddit"),
        .query("stage", .member(of: TrendStage.self), "Only trends of this stage.", example: "new"),
        .query(
            "tags", .array(of: .filtered, most: FieldReader.mostStrings),
            "Only trends with all of these tags; with commas between.", example: ["solar"]),
        .query("min_engagement", .number(), "Only trends with at least this engagement score.", example: 50),
        .query("since", .time, "Only trends that were discovered then or later.", example: "2026-01-01T00:00:00Z"),
        .query("until", .time, "Only trends that were discovered then or before.", example: "2030-01-01T00:00:00Z"),
    ]

    static let idempotencyKey = Self(
        name: "Idempotency-Key", place: .header, schema: .text(FieldRules.nameLength),
        about: "Asking again with the same key queues nothing new. The member `idempotency_key` goes before it.",
        example: "scan-2026-05-01")

    /// Of whatever is answered at once.
    static let timeout = query(
        "timeout", .integer(atLeast: 1),
        "Seconds from the request's arrival. Then the answer is 408; a change may be made later all the same.",
        example: 30)

    /// The id that the path names.
    static func id(of example: JSONValue) -> Self {
        Self(name: "id", place: .path, schema: .id, about: "The row's id.", isRequired: true, example: example)
    }
}
