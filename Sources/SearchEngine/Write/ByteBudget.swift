import Synchronization

/// Bytes that may be held at once for one purpose. Any thread.
public final class ByteBudget: Sendable {
    public let limit: Int
    private let used = Atomic(0)

    /// - Parameter limit: at least 0.
    public init(_ limit: Int) { self.limit = limit }

    public var usedBytes: Int { used.load(ordering: .relaxed) }

    /// Takes bytes, to be given back later. Returns false, and takes none, when there are not so many left; whoever is alone
    /// gets what it asks for, since nothing would come of waiting.
    public func take(_ bytes: Int) -> Bool {
        let before = used.wrappingAdd(bytes, ordering: .relaxed).oldValue
        if before == 0 || before + bytes <= limit { return true }
        give(bytes)
        return false
    }

    public var isUsedUp: Bool { usedBytes >= limit }

    /// Takes bytes that can't be refused; a change of many points goes past the limit with them.
    public func add(_ bytes: Int) { used.wrappingAdd(bytes, ordering: .relaxed) }

    public func give(_ bytes: Int) { used.wrappingSubtract(bytes, ordering: .relaxed) }
}
