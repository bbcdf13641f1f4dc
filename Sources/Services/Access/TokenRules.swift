import Foundation
import JSON

/// What is known of a token whose signature was right. Times are seconds since 1970.
struct TokenClaims: Sendable {
    var principal: Principal
    var expires: Double
    var notBefore: Double
}

/// What claims a token must have, and what they mean. Pure functions of the claims and the time.
struct TokenRules: Sendable {
    /// Times of day up to the year 9999.
    private static let times = 0.0...253_402_300_799.0
    private static let mostSubjectBytes = 256
    /// Claims that would narrow what a token allows. Ignoring them, as RFC 7519 has it for unknown claims, would widen it.
    private static let refused = [
        "access": "it gives rights by collection, as Qdrant's tokens do",
        "value_exists": "it depends on a point, as Qdrant's tokens may",
        "cnf": "it is bound to a key whose possession can't be proved here",
    ]

    private let audience: String?
    private let issuer: String?
    private let leeway: Double
    private let roleClaim: String

    init(_ settings: TokenSettings) {
        audience = settings.audience
        issuer = settings.issuer
        leeway = Double(settings.leewaySeconds)
        roleClaim = settings.roleClaim
    }

    /// Throws a `ServiceError` for claims that are missing, wrong, for somebody else, or not understood.
    func read(_ claims: JSONObject) throws -> TokenClaims {
        for (claim, reason) in Self.refused.sorted(by: { $0.key < $1.key })
        where claim != roleClaim && claims[claim] != nil {
            throw ServiceError(.forbidden, "the JWT's claim `\(claim)` is not supported: \(reason)")
        }
        guard let expires = try time("exp", claims) else { throw missing("exp") }
        let notBefore = try time("nbf", claims) ?? 0
        let issued = try time("iat", claims) ?? 0
        try checkAddressees(claims)
        let subject = try text("sub", claims)
        guard let subject, !subject.isEmpty else { throw missing("sub") }
        guard subject.utf8.count <= Self.mostSubjectBytes else {
            throw TokenVerifier.invalid("its claim `sub` must have at most \(Self.mostSubjectBytes) bytes")
        }
        let identity = Identity(.token, name: subject, issuer: try text("iss", claims))
        return TokenClaims(
            principal: Principal(
                rights: try rights(claims), identity: identity, expires: Date(timeIntervalSince1970: expires + leeway)),
            expires: expires,
            notBefore: max(notBefore, issued))
    }

    /// Throws `.unauthenticated` unless the token is valid at this time.
    func check(_ claims: TokenClaims, at now: Double) throws {
        guard now < claims.expires + leeway else { throw TokenVerifier.invalid("it has expired") }
        guard now >= claims.notBefore - leeway else { throw TokenVerifier.invalid("it is not valid yet") }
    }

    private func checkAddressees(_ claims: JSONObject) throws {
        if let audience {
            guard let value = claims["aud"] else { throw missing("aud") }
            let addressees = value.arrayValue ?? [value]
            guard addressees.contains(where: { $0.stringValue == audience }) else {
                throw TokenVerifier.invalid("it is for another audience (`aud`)")
            }
        }
        if let issuer {
            guard let found = try text("iss", claims) else { throw missing("iss") }
            guard found == issuer else { throw TokenVerifier.invalid("it is from another issuer (`iss`)") }
        }
    }

    /// Of the role, or the widest of a list of roles.
    private func rights(_ claims: JSONObject) throws -> Principal.Rights {
        guard let value = claims[roleClaim] else {
            throw ServiceError(.forbidden, "the JWT's claim `\(roleClaim)` is missing: it must name a role")
        }
        let roles = (value.arrayValue ?? [value]).map { $0.stringValue.flatMap { Principal.Rights(role: $0) } }
        let known = roles.compactMap { $0 }
        guard let widest = known.max(), known.count == roles.count else {
            throw ServiceError(
                .forbidden, "the JWT's claim `\(roleClaim)` must be one of reader, agent, writer, admin")
        }
        return widest
    }

    private func time(_ claim: String, _ claims: JSONObject) throws -> Double? {
        guard let value = claims[claim] else { return nil }
        guard let seconds = value.doubleValue, Self.times.contains(seconds) else {
            throw TokenVerifier.invalid("its claim `\(claim)` must be a number of seconds since 1970")
        }
        return seconds
    }

    private func text(_ claim: String, _ claims: JSONObject) throws -> String? {
        guard let value = claims[claim] else { return nil }
        guard let text = value.stringValue else {
            throw TokenVerifier.invalid("its claim `\(claim)` must be a string")
        }
        return text
    }

    private func missing(_ claim: String) -> ServiceError {
        TokenVerifier.invalid("its claim `\(claim)` is missing")
    }
}
