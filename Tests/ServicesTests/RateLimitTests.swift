import Foundation
import SearchEngine
import Services
import Synchronization
import TestSupport
import Testing

/// Token buckets and the limits of principals, on a clock of the test's own.
@Suite struct RateLimitTests {
    private static let second: Int64 = 1_000_000_000
    private let start = ContinuousClock.now

    private func principal(
        _ name: String, _ kind: Identity.Kind = .token, _ rights: Principal.Rights = .read
    ) -> Principal {
        Principal(rights: rights, identity: Identity(kind, name: name))
    }

    private let routes = [
        LimitedRoute(method: "GET", path: "/api/v1/trends"),
        LimitedRoute(method: "POST", path: "/api/v1/trends/batch"),
        LimitedRoute(method: "GET", path: "/api/v1/ideas/{id}"),
        LimitedRoute(method: "POST", path: "/collections/{name}/points/query"),
    ]

    /// How many of `count` requests are let in.
    private func admitted(
        _ limiter: RateLimiter, _ principal: Principal, _ route: Int, _ count: Int, at now: ContinuousClock.Instant
    ) -> Int {
        (0..<count).count { _ in (try? limiter.admit(principal, route: route, at: now)) != nil }
    }

    @Test func aBucketFillsAndEmpties() {
        var bucket = TokenBucket(RateLimit(perMinute: 60, burst: 3), at: 0)
        for _ in 0..<3 { #expect(bucket.take(at: 0) == nil) }
        #expect(bucket.take(at: 0) == Self.second)
        #expect(bucket.take(at: Self.second / 4) == Self.second * 3 / 4)
        #expect(bucket.take(at: Self.second) == nil)
        #expect(bucket.take(at: Self.second) == Self.second)
        // Never more than the burst, however long nobody asks.
        for _ in 0..<3 { #expect(bucket.take(at: 1_000 * Self.second) == nil) }
        #expect(bucket.take(at: 1_000 * Self.second) != nil)
        // A clock that goes back gives nothing.
        #expect(bucket.take(at: 0) == Self.second)
        #expect(bucket.take(2, at: 1_000 * Self.second) == 2 * Self.second)
    }

    /// Against a count of the times at which requests were let in.
    @Test func noWindowHasMoreThanTheLimit() {
        var random = SeededGenerator()
        for _ in 0..<20 {
            let limit = RateLimit(
                perMinute: Double(Int.random(in: 1...600, using: &random)),
                burst: Double(Int.random(in: 1...50, using: &random)))
            var bucket = TokenBucket(limit, at: 0)
            var now: Int64 = 0
            var times: [Int64] = []
            for _ in 0..<2_000 {
                now += Int64.random(in: 0...Self.second / 4, using: &random)
                guard let wait = bucket.take(at: now) else {
                    times.append(now)
                    continue
                }
                var later = bucket
                #expect(later.take(at: now + wait - 2_000) != nil, "the wait is no longer than needed")
                later = bucket
                #expect(later.take(at: now + wait) == nil, "the wait is long enough")
            }
            for (place, time) in times.enumerated() {
                let inMinute = times[place...].prefix { $0 < time + 60 * Self.second }.count
                #expect(Double(inMinute) <= limit.burst + limit.perMinute + 1)
            }
            #expect(!times.isEmpty)
        }
    }

    /// What a bucket keeps between runs, also from files that somebody has damaged.
    @Test func aBucketGoesOnFromItsState() throws {
        let limit = RateLimit(perMinute: 60, burst: 10)
        let now = 1_800_000_000 * Self.second
        var bucket = TokenBucket(limit, at: now)
        for _ in 0..<8 { #expect(bucket.take(at: now) == nil) }
        let state = bucket.state(at: now)
        #expect(state == TokenBucket.State(tokens: 2, nanoseconds: now))
        let copy = try JSONDecoder().decode(TokenBucket.State.self, from: JSONEncoder().encode(state))
        func left(_ state: TokenBucket.State, at time: Int64) -> Int {
            var bucket = TokenBucket(limit, restoring: state, at: time)
            return (0..<100).prefix { _ in bucket.take(at: time) == nil }.count
        }
        #expect(left(copy, at: now) == 2)
        #expect(left(copy, at: now + 3 * Self.second) == 5)
        #expect(left(copy, at: now + 3_600 * Self.second) == 10)
        let hostile: [(Double, Int64, Int)] = [
            (.nan, now, 0), (.infinity, now, 0), (-5, now, 0), (1e300, now, 10), (2, .max, 2), (2, .min, 10),
            (2, now + 1_000 * Self.second, 2),
        ]
        for (tokens, nanoseconds, expected) in hostile {
            #expect(left(.init(tokens: tokens, nanoseconds: nanoseconds), at: now) == expected, "\(tokens)")
        }
    }

    @Test func tokensAreLimitedAndKeysAreNot() throws {
        let limiter = try #require(RateLimiter(RateLimits(), routes: routes))
        let alice = principal("alice")
        #expect(admitted(limiter, alice, 0, 150, at: start) == 100)
        // A group has one bucket, another group its own, and so has another principal.
        #expect(admitted(limiter, alice, 1, 10, at: start) == 0)
        #expect(admitted(limiter, alice, 2, 150, at: start) == 100)
        #expect(admitted(limiter, principal("bob"), 0, 150, at: start) == 100)
        #expect(admitted(limiter, principal("api_key", .key), 0, 500, at: start) == 500)
        #expect(admitted(limiter, .unrestricted, 0, 500, at: start) == 500)
        #expect(admitted(limiter, alice, 0, 150, at: start + .seconds(30)) == 50)
        do {
            try limiter.admit(alice, route: 0, at: start + .seconds(30))
            Issue.record("a request beyond the limit was let in")
        } catch let error as ServiceError {
            #expect(error.code == .busy && error.retryAfterSeconds == 1)
            #expect(
                error.message
                    == "100 requests a minute, and 100 at once, are allowed for `trends`; try again in 1 s")
        }
        // 50 + 10 + 50 + 50 + 100 + 1
        #expect(limiter.refusedCount == 261 && limiter.bucketCount == 3)
    }

    @Test func overridesTheFirstThatFits() throws {
        func rule(
            _ rate: Double?, burst: Double? = nil, _ change: (inout RateLimits.Rule) -> Void
        ) -> RateLimits.Rule {
            var rule = RateLimits.Rule(
                rate.map { .limited(RateLimit(perMinute: $0, burst: burst)) } ?? .unlimited)
            change(&rule)
            return rule
        }
        var limits = RateLimits()
        limits.overrides = [
            rule(nil) { $0.name = "root" },
            rule(2) { $0.route = "POST /api/v1/trends/batch" },
            rule(600, burst: 7) {
                $0.rights = .work
                $0.group = "trends"
            },
            rule(5) { $0.kind = .key },
            rule(3) { $0.kind = .anonymous },
        ]
        let limiter = try #require(RateLimiter(limits, routes: routes))
        #expect(limits.problems(with: routes).isEmpty)
        #expect(admitted(limiter, principal("root"), 1, 500, at: start) == 500)
        #expect(admitted(limiter, principal("a"), 1, 10, at: start) == 2)
        // The route's own bucket is not the group's.
        #expect(admitted(limiter, principal("a"), 0, 200, at: start) == 100)
        #expect(admitted(limiter, principal("b", .token, .work), 0, 10, at: start) == 7)
        #expect(admitted(limiter, principal("b", .token, .work), 2, 200, at: start) == 100)
        #expect(admitted(limiter, principal("api_key", .key), 3, 10, at: start) == 5)
        #expect(admitted(limiter, .unrestricted, 3, 10, at: start) == 3)
        do { try limiter.admit(principal("a"), route: 1, at: start) } catch let error as ServiceError {
            #expect(error.retryAfterSeconds == 30 && error.message.contains("`POST /api/v1/trends/batch`"))
        }
        limits.overrides = [rule(1) { $0.route = "GET /none" }, rule(1) { $0.group = "trend" }]
        #expect(limits.problems(with: routes).count == 2)
    }

    @Test func nothingLimitedIsNoLimiter() {
        #expect(RateLimiter(.none, routes: routes) == nil)
        var limits = RateLimits()
        limits.defaults[.token] = .unlimited
        #expect(RateLimiter(limits, routes: routes) == nil)
    }

    @Test func routesHaveGroups() {
        for (method, path, group) in [
            ("GET", "/api/v1/agents/status", "agents"), ("POST", "/api/v1/jobs/{id}/progress", "jobs"),
            ("PUT", "/collections/{name}/points", "points"), ("PUT", "/collections/{name}", "collections"),
            ("GET", "/aliases", "collections"), ("POST", "/collections/{name}/snapshots", "snapshots"),
            ("GET", "/snapshots/{snapshot}", "snapshots"), ("GET", "/metrics", "service"), ("GET", "/", "service"),
        ] {
            #expect(LimitedRoute(method: method, path: path).group == group, "\(path)")
        }
    }

    /// Subjects without end: the table stays small, and who has used up a limit is forgotten after those who haven't.
    @Test func bucketsAreBounded() throws {
        var limits = RateLimits()
        limits.mostBuckets = 1_024
        limits.defaults[.token] = .limited(RateLimit(perMinute: 60, burst: 5))
        let limiter = try #require(RateLimiter(limits, routes: routes))
        let greedy = principal("greedy")
        #expect(admitted(limiter, greedy, 0, 10, at: start) == 5)
        for number in 0..<50_000 {
            // Each asks once, and its bucket is full again a second later.
            let now = start + .milliseconds(number / 50)
            #expect(admitted(limiter, principal("s\(number)"), 0, 1, at: now) == 1)
        }
        #expect(limiter.bucketCount <= 1_024)
        // A second has passed, in which one token came. The emptiest bucket was dropped for no other.
        #expect(admitted(limiter, greedy, 0, 10, at: start + .seconds(1)) == 1)
    }

    @Test func manyThreadsShareABucket() throws {
        var limits = RateLimits()
        limits.defaults[.token] = .limited(RateLimit(perMinute: 0.001, burst: 1_000))
        let limiter = try #require(RateLimiter(limits, routes: routes))
        let alice = principal("alice")
        let count = Atomic(0)
        onThreads(4) { _ in count.wrappingAdd(admitted(limiter, alice, 0, 1_000, at: start), ordering: .relaxed) }
        #expect(count.load(ordering: .relaxed) == 1_000)
    }
}
