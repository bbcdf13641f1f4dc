import OpenAI

/// What the analyst asks a model for, in this order.
public enum AnalysisStep: String, Sendable, CaseIterable {
    /// Of each trend: what is behind it, and a business idea.
    case research
    /// Of each idea: its six scores.
    case scoring
    /// Of all ideas of a job: which one is best.
    case ranking
}

/// Which model is asked in which step.
public struct AnalysisModels: Sendable, Equatable {
    public var research: ChatModel
    public var scoring: ChatModel
    public var ranking: ChatModel

    public init(_ model: (AnalysisStep) throws -> ChatModel) rethrows {
        research = try model(.research)
        scoring = try model(.scoring)
        ranking = try model(.ranking)
    }

    subscript(step: AnalysisStep) -> ChatModel {
        switch step {
        case .research: research
        case .scoring: scoring
        case .ranking: ranking
        }
    }
}
