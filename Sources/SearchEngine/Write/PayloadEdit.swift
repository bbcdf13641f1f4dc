import JSON
import OrderedCollections

/// Changes to payload trees, as `set`, `overwrite` and `delete payload` make them.
enum PayloadEdit {
    /// Merges an object's keys over another's; a `null` removes its key.
    static func merge(_ changes: JSONObject, into object: inout JSONObject) {
        for (key, value) in changes {
            if value.isNull { object.removeValue(forKey: key) } else { object[key] = value }
        }
    }

    /// Merges `changes` into the object at the path. Keys on the way are created; a value on the way that is
    /// not of the kind that the path asks for is replaced; indexes past an array's end select nothing.
    static func merge(_ changes: JSONObject, at steps: ArraySlice<PayloadPath.Step>, in value: inout JSONValue) {
        guard let step = steps.first else {
            var object = value.objectOrEmpty
            merge(changes, into: &object)
            value = .object(object)
            return
        }
        let rest = steps.dropFirst()
        switch step {
        case .key(let key):
            var object = value.objectOrEmpty
            value = .null
            var inner = object[key] ?? .null
            merge(changes, at: rest, in: &inner)
            object[key] = inner
            value = .object(object)
        case .index(let index):
            var array = value.arrayOrEmpty
            value = .null
            if array.indices.contains(index) { merge(changes, at: rest, in: &array[index]) }
            value = .array(array)
        case .all:
            var array = value.arrayOrEmpty
            value = .null
            for index in array.indices { merge(changes, at: rest, in: &array[index]) }
            value = .array(array)
        }
    }

    /// Removes what the path selects; a path that selects nothing changes nothing. As in Qdrant, an index leads into
    /// its element, but `[3]` at the end removes nothing: that would shift the elements behind it.
    static func remove(_ steps: ArraySlice<PayloadPath.Step>, from value: inout JSONValue) {
        guard let step = steps.first else { return }
        let rest = steps.dropFirst()
        switch (step, value) {
        case (.key(let key), .object(var object)):
            guard var inner = object[key] else { return }
            if rest.isEmpty {
                object.removeValue(forKey: key)
            } else {
                remove(rest, from: &inner)
                object[key] = inner
            }
            value = .object(object)
        case (.all, .array(var array)):
            if rest.isEmpty {
                array = []
            } else {
                for index in array.indices { remove(rest, from: &array[index]) }
            }
            value = .array(array)
        case (.index(let index), .array(var array)):
            guard array.indices.contains(index) else { return }
            remove(rest, from: &array[index])
            value = .array(array)
        default: return
        }
    }
}

extension JSONValue {
    fileprivate var objectOrEmpty: JSONObject {
        if case .object(let object) = self { object } else { [:] }
    }

    fileprivate var arrayOrEmpty: [JSONValue] {
        if case .array(let array) = self { array } else { [] }
    }
}
