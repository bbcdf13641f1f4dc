import Foundation
import Synchronization

/// Answers that are computed from all rows, kept until a change is committed: never older than the newest commit that anybody
/// knows of.
///
/// Whoever finds none computes it; others that come meanwhile wait for that, so that a change costs one computation and not one
/// for each reader.
final class FreshCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry {
        var version: Int
        var value: Value
    }

    private let entries = Mutex<[Key: Entry]>([:])
    private let turn = Mutex<Void>(())
    private let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    /// - Parameters:
    ///   - version: grows with each commit, before whoever made it learns of it.
    ///   - compute: reads at least what was committed when it is called.
    func value(of key: Key, version: () -> Int, compute: () throws -> Value) rethrows -> Value {
        if let found = fresh(key, version()) { return found }
        return try turn.withLock { _ in
            // Before the computation: what is committed meanwhile may be in it or not.
            let version = version()
            if let found = fresh(key, version) { return found }
            let value = try compute()
            entries.withLock { entries in
                if entries.count >= capacity, entries[key] == nil {
                    entries = entries.filter { $0.value.version == version }
                }
                if entries.count < capacity || entries[key] != nil {
                    entries[key] = Entry(version: version, value: value)
                }
            }
            return value
        }
    }

    private func fresh(_ key: Key, _ version: Int) -> Value? {
        entries.withLock { $0[key].flatMap { $0.version == version ? $0.value : nil } }
    }
}
