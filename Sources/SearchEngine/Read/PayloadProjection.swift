import JSON
import OrderedCollections

extension PayloadSelector {
    /// The selected part of a payload; `nil` when none is asked for.
    func apply(_ payload: Payload) -> Payload? {
        switch self {
        case .none: return nil
        case .all: return payload
        case .include(let paths):
            return Payload(project(payload.value, paths.map { $0.steps[...] }) ?? .object([:]))
        case .exclude(let paths):
            var value = payload.value
            for path in paths { PayloadEdit.remove(path.steps[...], from: &value) }
            return Payload(value)
        }
    }
}

/// Keeps what some path leads to, with the structure around it; `nil` if none leads anywhere. An array that a
/// path enters stays, if only as an empty one; only `[]` enters its elements, as in Qdrant.
private func project(_ value: JSONValue, _ paths: [ArraySlice<PayloadPath.Step>]) -> JSONValue? {
    if paths.contains(where: \.isEmpty) { return value }
    switch value {
    case .object(let object):
        var kept: JSONObject = [:]
        for (key, inner) in object {
            let below = paths.compactMap { $0.first == .key(key) ? $0.dropFirst() : nil }
            if !below.isEmpty, let part = project(inner, below) { kept[key] = part }
        }
        return kept.isEmpty ? nil : .object(kept)
    case .array(let array):
        var kept: [JSONValue] = []
        let below = paths.compactMap { $0.first == .all ? $0.dropFirst() : nil }
        if !below.isEmpty { kept = array.compactMap { project($0, below) } }
        return .array(kept)
    default: return nil
    }
}
