import JWTKit

/// The algorithm of each key. A token names a key and an algorithm; it is verified only if they belong together.
struct TokenKeys: Sendable {
    static let algorithms = ["HS256", "RS256", "ES256"]

    private var named: [String: any JWTAlgorithm] = [:]
    /// By the name of the algorithm.
    private var unnamed: [String: any JWTAlgorithm] = [:]

    init(_ settings: TokenSettings) async throws {
        if let secret = settings.secret {
            unnamed["HS256"] = try await Self.algorithm {
                await $0.add(hmac: HMACKey(from: secret.bytes), digestAlgorithm: .sha256)
            }
        }
        for publicKey in settings.publicKeys {
            let algorithm = try await Self.algorithm { keys in
                switch publicKey.key {
                case .rsa(let key): await keys.add(rsa: key, digestAlgorithm: .sha256)
                case .ecdsa(let key): await keys.add(ecdsa: key)
                }
            }
            if let name = publicKey.name { named[name] = algorithm } else { unnamed[algorithm.name] = algorithm }
        }
    }

    /// JWTKit hands its algorithms out of an actor alone. They themselves wait for nobody, so that an event loop can verify.
    private static func algorithm(
        adding add: (JWTKeyCollection) async -> Void
    ) async throws -> any JWTAlgorithm {
        let keys = JWTKeyCollection()
        await add(keys)
        return try await keys.getKey()
    }

    /// What verifies a token whose header has these members. Throws a `ServiceError` if there is no such key, or it is one of
    /// another algorithm.
    func algorithm(_ name: String, key: String?) throws -> any JWTAlgorithm {
        guard Self.algorithms.contains(name) else {
            throw TokenVerifier.invalid("its algorithm must be HS256, RS256 or ES256")
        }
        if let key, let found = named[key] {
            guard found.name == name else {
                throw TokenVerifier.invalid("its algorithm \(name) is not that of the key it names, \(found.name)")
            }
            return found
        }
        if let found = unnamed[name] { return found }
        guard key == nil else { throw TokenVerifier.invalid("this server doesn't have the key that it names (`kid`)") }
        throw TokenVerifier.invalid("this server has no key for its algorithm \(name)")
    }
}
