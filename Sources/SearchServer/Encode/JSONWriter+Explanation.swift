import JSON
import SearchEngine

/// What an answer's `explain` tells.
enum Explanations: Sendable {
    case one(Explanation)
    /// Of a batch, in the order of its searches; `nil` for those that didn't ask.
    case list([Explanation?])

    /// `nil` when nobody asked.
    init?(_ explanation: Explanation?) {
        guard let explanation else { return nil }
        self = .one(explanation)
    }

    /// `nil` when nobody asked.
    init?(_ explanations: [Explanation?]) {
        guard explanations.contains(where: { $0 != nil }) else { return nil }
        self = .list(explanations)
    }
}

extension JSONWriter {
    mutating func write(_ explanations: Explanations) {
        switch explanations {
        case .one(let explanation): write(explanation)
        case .list(let list):
            array { writer in
                for explanation in list {
                    if let explanation { writer.write(explanation) } else { writer.writeNull() }
                }
            }
        }
    }

    private mutating func write(_ explanation: Explanation) {
        beginObject()
        key("plan")
        write(explanation.plan.method.rawValue)
        key("method")
        write(explanation.method.rawValue)
        key("points")
        write(explanation.plan.points)
        key("filter")
        if let filter = explanation.filter { write(filter) } else { writeNull() }
        key("candidates")
        write(explanation.plan.candidates)
        key("ef")
        if let ef = explanation.plan.ef { write(ef) } else { writeNull() }
        key("recall")
        if let recall = explanation.plan.recall { write(recall) } else { writeNull() }
        key("awaits_check")
        write(explanation.plan.awaitsCheck)
        key("went_on_by_vectors")
        write(explanation.wentOnByVectors)
        key("went_on_wider")
        write(explanation.wentOnWider)
        key("hops")
        write(explanation.hops)
        key("scored")
        write(explanation.scored)
        key("microseconds")
        write(explanation.times)
        endObject()
    }

    private mutating func write(_ filter: Explanation.FilterSummary) {
        object { writer in
            writer.key("matching")
            writer.write(filter.matching)
            writer.key("conditions")
            writer.write(filter.conditions)
            writer.key("by_declared_index")
            writer.write(filter.byDeclaredIndex)
            writer.key("by_implicit_index")
            writer.write(filter.byImplicitIndex)
        }
    }

    private mutating func write(_ recall: Explanation.Recall) {
        object { writer in
            writer.key("target")
            writer.write(recall.target)
            writer.key("from")
            writer.write(recall.source.rawValue)
            writer.key("expected")
            if let expected = recall.expected { writer.write(expected) } else { writer.writeNull() }
        }
    }

    private mutating func write(_ scored: Explanation.Scored) {
        object { writer in
            writer.key("walk")
            writer.write(scored.walk)
            writer.key("scan")
            writer.write(scored.scan)
            writer.key("rerank")
            writer.write(scored.rerank)
            writer.key("rescore")
            writer.write(scored.rescore)
        }
    }

    private mutating func write(_ times: Explanation.Times) {
        let stages: [(StaticString, Int)] = [
            ("wait", times.wait), ("filter", times.filter), ("prepare", times.prepare), ("walk", times.walk),
            ("scan", times.scan), ("rerank", times.rerank), ("rescore", times.rescore), ("fetch", times.fetch),
            ("total", times.total),
        ]
        object { writer in
            for (stage, nanoseconds) in stages {
                writer.key(stage)
                writer.write(Double(nanoseconds) / 1000)
            }
        }
    }
}
