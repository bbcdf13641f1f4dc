import Foundation
import Synchronization

/// Answers that are computed from all rows, kept until a change is committed: never older than the newest commit that anybody
/// knows of.
///
/// Whoever finds none computes it; others that come meanwhile for the same wait for that, so that a change costs one computation and
/// not one for each reader.
final class FreshCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// What is kept of one key. Its turn is held by who computes.
    private final class Slot: Sendable {
        let turn = Mutex<Void>(())
        let kept = Mutex<(version: Int, value: Value)?>(nil)

        func fresh(_ version: Int) -> Value? {
            kept.withLock { $0.flatMap { $0.version == version ? $0.value : nil } }
        }
    }

    private let slots = Mutex<[Key: Slot]>([:])
    private let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    /// - Parameters:
    ///   - version: grows with each commit that may change the value, before whoever made it learns of it.
    ///   - compute: reads at least what was committed when it is called.
    func value(of key: Key, version: () -> Int, compute: () throws -> Value) rethrows -> Value {
        let slot = slots.withLock { slots in
            if let slot = slots[key] { return slot }
            // Those that are asked for often are back soon.
            if slots.count >= capacity { slots.removeAll() }
            let slot = Slot()
            slots[key] = slot
            return slot
        }
        if let found = slot.fresh(version()) { return found }
        return try slot.turn.withLock { _ in
            // Before the computation: what is committed meanwhile may be in it or not.
            let version = version()
            if let found = slot.fresh(version) { return found }
            let value = try compute()
            slot.kept.withLock { $0 = (version, value) }
            return value
        }
    }
}

/// A number that grows.
final class AtomicCount: Sendable {
    private let number = Atomic(0)

    var value: Int { number.load(ordering: .acquiring) }
    func add() { number.add(1, ordering: .releasing) }
}
