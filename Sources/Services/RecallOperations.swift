import SearchEngine

/// How much of the true nearest points searches find.
public enum RecallOperations {
    /// For a measurement whose caller gives it no time.
    public static let defaultTime = Duration.seconds(60)

    public static let measure = Operation<CollectionRequest<RecallRequest>, CollectionRecall>(.read) {
        services, caller, request in
        let deadline = caller.deadline ?? .now + defaultTime
        return try services.engine.recall(request.collection, request.body, deadline: deadline)
    }
}
