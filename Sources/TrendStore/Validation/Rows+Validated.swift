extension Trend {
    /// The trend as it is stored. Throws `.invalid` naming the first field that breaks its rule.
    func validated() throws -> Trend {
        var trend = self
        try FieldRules.text(title, "title", length: FieldRules.titleLength)
        if let description { try FieldRules.text(description, "description", length: FieldRules.descriptionLength) }
        if let url { try FieldRules.url(url, "url") }
        trend.category = try category.map { try FieldRules.keyword($0, "category") }
        trend.tags = try FieldRules.tags(tags, "tags")
        trend.engagementScore = try FieldRules.number(engagementScore, "engagement_score", atLeast: 0)
        trend.velocity = try FieldRules.number(velocity, "velocity")
        try FieldRules.time(discoveredAt, "discovered_at")
        try FieldRules.json(metadata, "metadata")
        return trend
    }
}

extension Idea {
    /// The idea as it is stored. Throws `.invalid` naming the first field that breaks its rule.
    func validated() throws -> Idea {
        try FieldRules.text(title, "title", length: FieldRules.titleLength)
        if let description { try FieldRules.text(description, "description", length: FieldRules.descriptionLength) }
        for score in IdeaScore.allCases { try FieldRules.score(scores[score], score.rawValue) }
        try FieldRules.json(analysis, "analysis")
        try FieldRules.time(analyzedAt, "analyzed_at")
        return self
    }
}

extension Observation {
    /// The observation as it is stored. Throws `.invalid` naming the first field that breaks its rule.
    func validated() throws -> Observation {
        var observation = self
        try FieldRules.time(observedAt, "observed_at")
        observation.engagementScore = try FieldRules.number(engagementScore, "engagement_score", atLeast: 0)
        if let url { try FieldRules.url(url, "url") }
        return observation
    }
}
