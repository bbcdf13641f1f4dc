extension Trend {
    /// The trend as it is stored. Throws `.invalid` naming every field that breaks its rule.
    public func validated() throws -> Trend {
        var trend = self
        var problems = FieldProblems()
        _ = problems.check { try FieldRules.text(title, "title", length: FieldRules.titleLength) }
        if let description {
            _ = problems.check {
                try FieldRules.text(description, "description", length: FieldRules.descriptionLength)
            }
        }
        if let url { _ = problems.check { try FieldRules.url(url, "url") } }
        trend.category = category.flatMap { category in problems.check { try FieldRules.keyword(category, "category") }
        }
        trend.tags = problems.check { try FieldRules.tags(tags, "tags") } ?? []
        trend.engagementScore =
            problems.check { try FieldRules.number(engagementScore, "engagement_score", atLeast: 0) } ?? 0
        trend.velocity = problems.check { try FieldRules.number(velocity, "velocity") } ?? 0
        _ = problems.check { try FieldRules.time(discoveredAt, "discovered_at") }
        _ = problems.check { try FieldRules.json(metadata, "metadata") }
        try problems.throwAny()
        return trend
    }
}

extension Trend {
    /// The same, with the rules of its embedding: 768 finite numbers, not all 0.
    public func validated(with embedding: [Float]?) throws -> Trend {
        try TrendTransaction.validated(validated, embedding)
    }
}

extension Idea {
    /// The idea as it is stored. Throws `.invalid` naming every field that breaks its rule.
    public func validated() throws -> Idea {
        var problems = FieldProblems()
        _ = problems.check { try FieldRules.text(title, "title", length: FieldRules.titleLength) }
        if let description {
            _ = problems.check {
                try FieldRules.text(description, "description", length: FieldRules.descriptionLength)
            }
        }
        for score in IdeaScore.allCases {
            _ = problems.check { try FieldRules.score(scores[score], score.rawValue) }
        }
        _ = problems.check { try FieldRules.json(analysis, "analysis") }
        _ = problems.check { try FieldRules.time(analyzedAt, "analyzed_at") }
        try problems.throwAny()
        return self
    }
}

extension Idea {
    /// The same, with the rules of its embedding: 768 finite numbers, not all 0.
    public func validated(with embedding: [Float]?) throws -> Idea {
        try TrendTransaction.validated(validated, embedding)
    }
}

extension Observation {
    /// The observation as it is stored. Throws `.invalid` naming every field that breaks its rule.
    public func validated() throws -> Observation {
        var observation = self
        var problems = FieldProblems()
        _ = problems.check { try FieldRules.time(observedAt, "observed_at") }
        observation.engagementScore =
            problems.check { try FieldRules.number(engagementScore, "engagement_score", atLeast: 0) } ?? 0
        if let url { _ = problems.check { try FieldRules.url(url, "url") } }
        try problems.throwAny()
        return observation
    }
}
