import Foundation
import JSON
import Services

/// Who may come in, from where, and how often.
extension ConfigurationReader {
    // MARK: CORS

    mutating func readCORS() -> CORS? {
        let isOn = bool("service.enable_cors") ?? true
        let origins = list("service.cors.allowed_origins")
        let allowsCredentials = bool("service.cors.allow_credentials") ?? false
        let age = integer("service.cors.max_age_sec", in: 0...86_400) ?? 3_600
        let isAny = origins?.contains("*") ?? true
        for origin in origins ?? [] where origin != "*" && !Self.isOrigin(origin) {
            problem("service.cors.allowed_origins", "must name origins such as https://app.example.org")
        }
        if isAny, allowsCredentials {
            problem("service.cors.allow_credentials", "needs a list of `service.cors.allowed_origins` without *")
            return nil
        }
        guard isOn else { return nil }
        return CORS(
            origins: isAny ? nil : Set(origins ?? []), allowsCredentials: allowsCredentials, maxAgeSeconds: age)
    }

    /// A scheme, a host and perhaps a port, as browsers send them.
    private static func isOrigin(_ text: String) -> Bool {
        guard let url = URLComponents(string: text), let scheme = url.scheme, let host = url.host, !host.isEmpty else {
            return false
        }
        let port = url.port.map { ":\($0)" } ?? ""
        return text == "\(scheme)://\(host)\(port)" && text == text.lowercased()
    }

    // MARK: Tokens

    mutating func readTokens() -> TokenSettings {
        var settings = TokenSettings()
        // A server without keys is open to everybody; nobody who sets an empty one means that.
        for key in ["service.jwt.secret", "service.jwt.public_key"] where string(key)?.isEmpty == true {
            problem(key, "must not be empty; leave it out for none")
        }
        if let text = string("service.jwt.secret"), !text.isEmpty {
            do { settings.secret = try TokenSecret(text) } catch { problem("service.jwt.secret", "\(error)") }
        }
        if let text = string("service.jwt.public_key"), !text.isEmpty {
            readKey(text, name: nil, "service.jwt.public_key", into: &settings)
        }
        if let value = tree("service.jwt.public_keys") {
            // Problems come in one order, whatever that of the mapping's hash table is.
            for (name, value) in (value.objectValue ?? [:]).sorted(by: { $0.key < $1.key }) {
                guard let text = value.stringValue else {
                    problem("service.jwt.public_keys", "must give each key's name a PEM, or the path of one")
                    continue
                }
                readKey(text, name: name.string, "service.jwt.public_keys", into: &settings)
            }
            if value.objectValue == nil {
                problem("service.jwt.public_keys", "must be a mapping of names (`kid`) to keys")
            }
        }
        settings.audience = string("service.jwt.audience")
        settings.issuer = string("service.jwt.issuer")
        settings.leewaySeconds = integer("service.jwt.leeway_sec", in: 0...600) ?? settings.leewaySeconds
        settings.roleClaim = string("service.jwt.role_claim") ?? settings.roleClaim
        // A server without keys is open to everybody; nobody who names an audience means that.
        for name in ["audience", "issuer", "leeway_sec", "role_claim"] where !settings.isOn {
            if let value = values["service.jwt.\(name)"], !value.isNull {
                problem("service.jwt.\(name)", "needs `service.jwt.secret` or a public key")
            }
        }
        if settings.roleClaim.isEmpty { problem("service.jwt.role_claim", "must not be empty") }
        return settings
    }

    /// - Parameter text: a key in PEM, or the path of a file with one.
    private mutating func readKey(_ text: String, name: String?, _ key: String, into settings: inout TokenSettings) {
        let shown = name.map { "`\($0)` " } ?? ""
        var pem = text
        if !text.contains("-----BEGIN") {
            guard let file = try? String(contentsOfFile: text, encoding: .utf8) else {
                return problem(key, "\(shown)must be a key in PEM, or the path of a file that can be read")
            }
            pem = file
        }
        do { settings.publicKeys.append(try TokenPublicKey(name: name, pem: pem)) } catch {
            problem(key, "\(shown)\(error)")
        }
    }

    // MARK: Limits

    mutating func readRateLimits() -> RateLimits {
        var limits = RateLimits()
        limits.mostBuckets = integer("rate_limits.max_buckets", in: 16...(1 << 24)) ?? limits.mostBuckets
        for kind in Identity.Kind.allCases {
            let section = "rate_limits.\(kind.rawValue)"
            let burst = double("\(section).burst", in: RateLimit.bursts)
            let key = "\(section).per_minute"
            if string(key)?.lowercased() == "unlimited" {
                limits.defaults[kind] = .unlimited
            } else if let rate = double(key, in: RateLimit.perMinutes) {
                limits.defaults[kind] = .limited(RateLimit(perMinute: rate, burst: burst))
            } else if let burst {
                guard case .limited(let limit)? = limits.defaults[kind] else {
                    problem("\(section).burst", "needs `\(key)`")
                    continue
                }
                limits.defaults[kind] = .limited(RateLimit(perMinute: limit.perMinute, burst: burst))
            }
        }
        if let value = tree("rate_limits.overrides") {
            guard let entries = value.arrayValue else {
                problem("rate_limits.overrides", "must be a list of mappings")
                return limits
            }
            for (place, entry) in entries.enumerated() {
                do { limits.overrides.append(try RateLimits.Rule(entry)) } catch {
                    problem("rate_limits.overrides", "has a wrong entry, number \(place): \(error)")
                }
            }
        }
        return limits
    }

    /// The limit of what this server asks of OpenAI-compatible services.
    mutating func readOpenAILimit() -> RateLimit? {
        let burst = double("rate_limits.openai_api.burst", in: RateLimit.bursts)
        guard let rate = double("rate_limits.openai_api.per_minute", in: RateLimit.perMinutes) else {
            if burst != nil { problem("rate_limits.openai_api.burst", "needs `rate_limits.openai_api.per_minute`") }
            return nil
        }
        return RateLimit(perMinute: rate, burst: burst)
    }
}

extension RateLimits.Rule {
    private struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    private static let members = ["kind", "role", "subject", "group", "route", "per_minute", "burst"]

    fileprivate init(_ value: JSONValue) throws {
        guard let members = value.objectValue else { throw Problem(description: "it is no mapping") }
        for name in members.keys where !Self.members.contains(name.string) {
            throw Problem(
                description: "`\(name)` is none of \(Self.members.map { "`\($0)`" }.joined(separator: ", "))")
        }
        func text(_ name: String) throws -> String? {
            guard let value = members[name] else { return nil }
            guard let text = value.stringValue else { throw Problem(description: "`\(name)` must be a text") }
            return text
        }
        func number(_ name: String, in range: ClosedRange<Double>) throws -> Double? {
            guard let value = members[name] else { return nil }
            guard let number = value.doubleValue, range.contains(number) else {
                throw Problem(
                    description: "`\(name)` must be a number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        let burst = try number("burst", in: RateLimit.bursts)
        if members["per_minute"]?.stringValue == "unlimited" {
            self.init(.unlimited)
        } else {
            guard let rate = try number("per_minute", in: RateLimit.perMinutes) else {
                throw Problem(description: "`per_minute` is missing")
            }
            self.init(.limited(RateLimit(perMinute: rate, burst: burst)))
        }
        if let text = try text("kind") {
            guard let kind = Identity.Kind(rawValue: text) else {
                throw Problem(description: "`kind` must be one of anonymous, api_key, jwt")
            }
            self.kind = kind
        }
        if let text = try text("role") {
            guard let rights = Principal.Rights(role: text) else {
                throw Problem(description: "`role` must be one of reader, agent, writer, admin")
            }
            self.rights = rights
        }
        name = try text("subject")
        group = try text("group")
        route = try text("route")
    }
}
