import Synchronization

/// Counts requests, in a bucket for each principal and group of routes; a rule about one route has a bucket for it.
public final class RateLimiter: Sendable {
    private static let shardCount = 16

    private final class Shard: Sendable {
        let buckets: Mutex<BucketTable>

        init(most: Int) { buckets = Mutex(BucketTable(most: most)) }
    }

    private struct Entry: Sendable {
        let rule: RateLimits.Rule
        let number: UInt32
        /// What is counted together: a group, or a route.
        let scope: UInt32
        let name: String
    }

    /// By route: the rules about it.
    private let entries: [[Entry]]
    private let shards: [Shard]
    private let refused = Atomic<Int>(0)

    /// `nil` where nothing is limited, so that nobody has to ask.
    ///
    /// - Parameter routes: requests name theirs by its place.
    public init?(_ limits: RateLimits, routes: [LimitedRoute]) {
        let rules = limits.rules
        guard rules.contains(where: { $0.allowance != .unlimited }) else { return nil }
        var groups: [String: UInt32] = [:]
        for route in routes where groups[route.group] == nil { groups[route.group] = UInt32(groups.count) }
        entries = routes.enumerated().map { place, route in
            rules.enumerated().compactMap { number, rule in
                guard rule.fits(route) else { return nil }
                let scope = rule.route == nil ? groups[route.group]! : UInt32(groups.count + place)
                return Entry(
                    rule: rule, number: UInt32(number), scope: scope,
                    name: rule.route == nil ? "`\(route.group)`" : "`\(route.name)`")
            }
        }
        let most = max(limits.mostBuckets / Self.shardCount, 1)
        shards = (0..<Self.shardCount).map { _ in Shard(most: most) }
    }

    /// Counts a request. Throws `.busy`, with the time after which it is worth another try, where there were too many.
    ///
    /// - Complexity: O(rules about the route); when the buckets have no room, now and then O(buckets · log buckets / 16).
    public func admit(_ principal: Principal, route: Int, at now: ContinuousClock.Instant) throws {
        guard let entry = entries[route].first(where: { $0.rule.fits(principal) }),
            case .limited(let limit) = entry.rule.allowance
        else { return }
        let key = BucketTable.Key(owner: principal.identity.fingerprint, rule: entry.number, scope: entry.scope)
        let shard = shards[Int(truncatingIfNeeded: UInt(bitPattern: key.hashValue)) & (Self.shardCount - 1)]
        let wait = shard.buckets.withLock { $0.take(key, limit, at: now.bucketTime) }
        guard let wait else { return }
        refused.wrappingAdd(1, ordering: .relaxed)
        let seconds = Int(min((wait + 999_999_999) / 1_000_000_000, 86_400))
        var error = ServiceError(
            .busy,
            "\(limit.perMinute.short) requests a minute, and \(limit.burst.short) at once, are allowed for \(entry.name); "
                + "try again in \(max(seconds, 1)) s")
        error.retryAfterSeconds = max(seconds, 1)
        throw error
    }

    public var bucketCount: Int { shards.reduce(0) { $0 + $1.buckets.withLock { $0.count } } }
    public var refusedCount: Int { refused.load(ordering: .relaxed) }
}

/// The buckets of a share of the principals.
///
/// When there is no room for another, the full ones go, which are worth as much as none; if these are fewer than an eighth,
/// those that come next as well, so that a sweep is followed by as many insertions without one.
struct BucketTable {
    struct Key: Hashable, Sendable {
        var owner: Identity.Fingerprint
        var rule: UInt32
        var scope: UInt32
    }

    private let most: Int
    private var buckets: [Key: TokenBucket] = [:]

    init(most: Int) { self.most = most }

    var count: Int { buckets.count }

    func contains(_ key: Key) -> Bool { buckets[key] != nil }

    mutating func take(_ key: Key, _ limit: RateLimit, at now: Int64) -> Int64? {
        if let index = buckets.index(forKey: key) { return buckets.values[index].take(at: now) }
        if buckets.count >= most { sweep(at: now) }
        var bucket = TokenBucket(limit, at: now)
        let wait = bucket.take(at: now)
        buckets[key] = bucket
        return wait
    }

    private mutating func sweep(at now: Int64) {
        let wanted = max(most / 8, 1)
        let times = buckets.values.map(\.fullAt).sorted()
        let last = max(now, times[min(wanted, times.count) - 1])
        buckets = buckets.filter { $0.value.fullAt > last }
    }
}

extension Double {
    /// Without a fraction where there is none.
    fileprivate var short: String { self == rounded() ? "\(Int(self))" : "\(self)" }
}
