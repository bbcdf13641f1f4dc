import Crypto
import Synchronization

/// The SHA-256 hash of a token.
struct TokenDigest: Hashable, Sendable {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    init(_ token: [UInt8]) { words = SHA256.hash(data: token).withUnsafeBytes { $0.loadWords() } }

    static func == (a: TokenDigest, b: TokenDigest) -> Bool { a.words == b.words }
    func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}

/// What tokens with right signatures said, so that each is verified once.
///
/// It takes a bounded memory: in two generations of ``mostInGeneration`` tokens each. When the younger one is full, it becomes
/// the older one, and what was there is forgotten.
final class VerifiedTokens: Sendable {
    static let mostInGeneration = 2_048

    private struct Generations {
        var younger: [TokenDigest: TokenClaims] = [:]
        var older: [TokenDigest: TokenClaims] = [:]
    }

    private let generations = Mutex(Generations())

    /// How many are known.
    var count: Int { generations.withLock { $0.younger.count + $0.older.count } }

    subscript(digest: TokenDigest) -> TokenClaims? {
        generations.withLock { generations in
            if let claims = generations.younger[digest] { return claims }
            guard let claims = generations.older.removeValue(forKey: digest) else { return nil }
            Self.insert(claims, for: digest, into: &generations)
            return claims
        }
    }

    func insert(_ claims: TokenClaims, for digest: TokenDigest) {
        generations.withLock { Self.insert(claims, for: digest, into: &$0) }
    }

    private static func insert(_ claims: TokenClaims, for digest: TokenDigest, into generations: inout Generations) {
        if generations.younger.count >= mostInGeneration {
            generations.older = generations.younger
            generations.younger = [:]
        }
        generations.younger[digest] = claims
    }
}
