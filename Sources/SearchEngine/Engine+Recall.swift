import VectorIndex

extension Engine {
    /// Measurements on request that may run at once: each keeps a core busy, and a thread from other long work.
    private static let mostRecallMeasurements = 2
    /// Compactions that may end a measurement, before it is given up.
    private static let mostRecallAttempts = 3

    /// What the background knows of the recall of a collection's searches. Complexity: O(vectors).
    public func recall(_ collection: String) throws -> CollectionRecall {
        try withCollection(collection) { collection in
            try collection.lock.read {
                guard !collection.isDropped else { throw PointCollection.missing(collection.name) }
                return CollectionRecall(
                    vectors: collection.generation.denseFields.map { field in
                        .init(field, collection.configuration, state: backgroundState(field, collection.generation))
                    })
            }
        }
    }

    /// Under the shared lock.
    private func backgroundState(
        _ field: DenseField, _ generation: Generation
    ) -> CollectionRecall.BackgroundState {
        let index = field.index
        let settings = configuration.recallAudits
        let shape = IndexShape(field, generation: generation.number)
        if !settings.isOn { return .off }
        if index.pendingCount > 0 { return .waitingForLinking }
        if index.reachability.linked == 0 { return .noGraph }
        if field.recall.isBeingMeasured.load(ordering: .relaxed) { return .measuring }
        if index.uncheckedCount > 0 { return .waitingForCheck }
        let isDue = settings.isDue(
            after: field.recall.audit, shape, noted: field.recall.recent.noted, now: environment.time.now)
        return isDue ? .waitingForTurn : .measured
    }

    /// The same, and what the request wants to be measured, vector by vector: its sample's queries, each answered by a
    /// search and by a scan of all vectors. Searches and writes go on meanwhile.
    ///
    /// Throws `.invalid` for an unknown vector or numbers out of range, `.timeout` once `deadline` has passed, `.busy` while
    /// two others are being measured, and `.unavailable` when the collection keeps being compacted.
    public func recall(
        _ collection: String, _ request: RecallRequest, deadline: Deadline
    ) throws -> CollectionRecall {
        try request.validate()
        var told = try recall(collection)
        if let name = request.using {
            told.vectors.removeAll { !$0.name.hasSameBytes(as: name) }
            if told.vectors.isEmpty { throw unknownVector(name) }
        }
        guard request.measures else { return told }
        let found = try self.collection(collection)
        let running = recallMeasurements.wrappingAdd(1, ordering: .relaxed).oldValue
        defer { recallMeasurements.wrappingSubtract(1, ordering: .relaxed) }
        guard running < Self.mostRecallMeasurements else {
            throw EngineError.busy("Two measurements of recall are under way; try again when they have ended")
        }
        for index in told.vectors.indices {
            told.vectors[index].measured = try measure(found, told.vectors[index].name, request, deadline)
        }
        return told
    }

    private func measure(
        _ collection: PointCollection, _ vector: String, _ request: RecallRequest, _ deadline: Deadline
    ) throws -> RecallFigures {
        for _ in 0..<Self.mostRecallAttempts {
            do { return try measureOnce(collection, vector, request, deadline) } catch is GenerationReplaced {}
        }
        throw EngineError.unavailable("The collection keeps being compacted; try again")
    }

    private func measureOnce(
        _ collection: PointCollection, _ vector: String, _ request: RecallRequest, _ deadline: Deadline
    ) throws -> RecallFigures {
        var parameters = SearchParameters()
        parameters.hnswEf = request.hnswEf
        var measurement = try reader.reading(collection, filter: request.filter, "Recall", deadline: deadline) {
            [parameters] view, pace in
            guard let field = view.generation.denseField(vector) else { throw unknownVector(vector) }
            var allowed: SlotBitmap?
            if let filter = request.filter, !filter.isEmpty {
                let (words, count) = try view.matchingSlots(filter, &pace)
                allowed = SlotBitmap(words: words, count: count)
            }
            return try collection.lock.read {
                // The filter's slots are those of this generation.
                guard collection.generation === view.generation else { throw GenerationReplaced() }
                return RecallMeasurement(
                    collection, field, sample: request.sampleSize, k: request.resultCount, parameters,
                    allowed: allowed, hasCurves: false, environment)
            }
        }
        while !measurement.isDone {
            CoreTurn.step()
            try environment.time.check(deadline, "Recall")
            try measurement.advance()
        }
        return measurement.figures(measurement.profile)
    }
}

extension CollectionRecall.Vector {
    /// Under the shared lock.
    fileprivate init(
        _ field: DenseField, _ configuration: CollectionConfiguration, state: CollectionRecall.BackgroundState
    ) {
        let reached = field.index.reachability
        self.init(
            name: field.name,
            target: configuration.parameters(of: field).hnsw?.recall ?? configuration.hnsw.recall,
            isScanned: reached.linked == 0, background: field.recall.audit?.figures, backgroundState: state,
            measured: nil,
            reachability: CollectionRecall.Reachability(
                linked: reached.linked, checked: reached.checked, mended: reached.mended,
                unreachable: reached.unreachable, entryPoints: reached.entryPoints))
    }
}
