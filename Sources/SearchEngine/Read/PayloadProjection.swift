import JSON
import OrderedCollections

extension PayloadSelector {
    /// The selected part of a payload; `nil` when none is asked for.
    func apply(_ payload: Payload) -> Payload? {
        switch self {
        case .none: return nil
        case .all: return payload
        case .include(let paths): return Payload(project(payload.value, paths.map { $0.steps[...] }))
        case .exclude(let paths):
            var value = payload.value
            // As in Qdrant, an index selects nothing here.
            for path in paths where path.steps.allSatisfy({ !$0.isIndex }) {
                PayloadEdit.remove(path.steps[...], from: &value)
            }
            return Payload(value)
        }
    }
}

extension PayloadPath.Step {
    fileprivate var isIndex: Bool { if case .index = self { true } else { false } }
}

/// Keeps what some path leads to. As in Qdrant, objects and arrays on the way stay, if only as empty ones; only `[]`
/// enters an array's elements, and what has nothing below it (a text, a number, `null`) stays where a path goes on.
private func project(_ value: JSONValue, _ paths: [ArraySlice<PayloadPath.Step>]) -> JSONValue {
    if paths.contains(where: \.isEmpty) { return value }
    switch value {
    case .object(let object):
        var kept: JSONObject = [:]
        for (key, inner) in object {
            let below = paths.compactMap { $0.first == .key(key) ? $0.dropFirst() : nil }
            if !below.isEmpty { kept[key] = project(inner, below) }
        }
        return .object(kept)
    case .array(let array):
        let below = paths.compactMap { $0.first == .all ? $0.dropFirst() : nil }
        return .array(below.isEmpty ? [] : array.map { project($0, below) })
    default: return value
    }
}
