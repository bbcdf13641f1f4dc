/// A route as limits know it.
public struct LimitedRoute: Sendable, Equatable {
    /// Method and path with the names of its parameters: `POST /api/v1/trends/batch`.
    public let name: String
    /// Routes that are counted together.
    public let group: String

    /// The group is the word behind `/api/v1/` (`trends`, `ideas`, …). Qdrant's API has the groups `points`, `snapshots`,
    /// `collections` and `service`.
    public init(method: String, path: String) {
        name = "\(method) \(path)"
        let segments = path.split(separator: "/")
        if segments.starts(with: ["api", "v1"]) {
            group = segments.count > 2 ? String(segments[2]) : "service"
        } else if segments.contains("points") {
            group = "points"
        } else if segments.contains("snapshots") {
            group = "snapshots"
        } else if segments.first == "collections" || segments.first == "aliases" {
            group = "collections"
        } else {
            group = "service"
        }
    }
}

/// How many requests principals may send.
public struct RateLimits: Sendable {
    /// What a rule says of those that it is about.
    public enum Allowance: Sendable, Equatable {
        case unlimited
        case limited(RateLimit)
    }

    /// A rule about some principals and routes. What is `nil` makes no difference.
    public struct Rule: Sendable, Equatable {
        public var kind: Identity.Kind?
        public var rights: Principal.Rights?
        /// A token's subject, or the configuration key of an API key.
        public var name: String?
        public var group: String?
        public var route: String?
        public var allowance: Allowance

        public init(_ allowance: Allowance) { self.allowance = allowance }

        func fits(_ principal: Principal) -> Bool {
            (kind.map { $0 == principal.identity.kind } ?? true) && (rights.map { $0 == principal.rights } ?? true)
                && (name.map { $0 == principal.identity.name } ?? true)
        }

        func fits(_ route: LimitedRoute) -> Bool {
            (group.map { $0 == route.group } ?? true) && (self.route.map { $0 == route.name } ?? true)
        }
    }

    /// The first that fits a principal and a route counts.
    public var overrides: [Rule] = []
    /// By kind of principal, where no override fits. Whoever has a token may send 100 requests a minute to each group of routes.
    public var defaults: [Identity.Kind: Allowance] = [.token: .limited(RateLimit(perMinute: 100))]
    /// Buckets that are kept at most, from 16 on.
    public var mostBuckets = 65_536

    public init() {}

    public static let none: RateLimits = {
        var limits = RateLimits()
        limits.defaults = [:]
        return limits
    }()

    /// What is wrong with overrides: those that name no route or group of the server's would limit nothing.
    public func problems(with routes: [LimitedRoute]) -> [String] {
        overrides.enumerated().flatMap { place, rule in
            var problems: [String] = []
            if let route = rule.route, !routes.contains(where: { $0.name == route }) {
                problems.append("`rate_limits.overrides[\(place)].route`: there is no route `\(route)`.")
            }
            if let group = rule.group, !routes.contains(where: { $0.group == group }) {
                let groups = Set(routes.map(\.group)).sorted().joined(separator: ", ")
                problems.append("`rate_limits.overrides[\(place)].group`: `\(group)` is none of \(groups).")
            }
            return problems
        }
    }

    /// All rules, the first that fits counts.
    var rules: [Rule] {
        overrides
            + Identity.Kind.allCases.compactMap { kind in
                guard let allowance = defaults[kind] else { return nil }
                var rule = Rule(allowance)
                rule.kind = kind
                return rule
            }
    }
}
