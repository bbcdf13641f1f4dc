import Crypto
import Foundation

/// What tells that two trends are the same one: 16 bytes of a SHA-256 of a text that is freed of what doesn't matter.
///
/// A trend has one of its title and, where its URL leads to more than a site's front page, one of its URL. Two trends that share
/// one are taken for the same.
package struct TrendFingerprint: Sendable, Hashable {
    let bytes: Data

    private init(_ kind: String, _ text: String) {
        bytes = Data(SHA256.hash(data: Data("\(kind)\u{0}\(text)".utf8)).prefix(16))
    }

    package static func all(of trend: Trend) -> [TrendFingerprint] {
        var all = [TrendFingerprint("title", normalized(title: trend.title))]
        if let url = trend.url, let text = normalized(url: url) { all.append(TrendFingerprint("url", text)) }
        return all
    }

    /// In lower case, with characters of any width as one (NFKC), and words divided by one space in place of punctuation, symbols
    /// and white space. A title of nothing else keeps them.
    package static func normalized(title: String) -> String {
        let folded = title.precomposedStringWithCompatibilityMapping.lowercased()
        var words: [Substring.UnicodeScalarView] = []
        for part in folded.unicodeScalars.split(whereSeparator: { !isPartOfWord($0) }) { words.append(part) }
        guard !words.isEmpty else { return folded.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
        return words.map { String($0) }.joined(separator: " ")
    }

    private static func isPartOfWord(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
            .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber:
            true
        // Otherwise "C++" and "C#" would be one.
        case .mathSymbol, .currencySymbol: true
        default: scalar == "#"
        }
    }

    /// Parameters that tell where a visitor came from, and not what the page is.
    private static let tracking: Set<String> = [
        "fbclid", "gclid", "dclid", "gbraid", "wbraid", "yclid", "ysclid", "msclkid", "twclid", "ttclid", "igshid",
        "igsh",
        "mc_cid", "mc_eid", "_ga", "_gl", "ref_src", "ref_url", "si", "feature", "share_id", "rdt",
    ]

    /// Without the scheme, `www.`, the default port, the fragment, tracking parameters and the slash at the end; the other
    /// parameters in order. `nil` for a front page, which many trends may name.
    package static func normalized(url: String) -> String? {
        guard let components = URLComponents(string: url), let host = components.host?.lowercased() else { return nil }
        var text = host.hasPrefix("www.") ? String(host.dropFirst(4)) : host
        if let port = components.port, !(port == 80 && components.scheme == "http"),
            !(port == 443 && components.scheme == "https")
        {
            text += ":\(port)"
        }
        var path = Substring(components.percentEncodedPath)
        while path.last == "/" { path = path.dropLast() }
        let parameters = (components.percentEncodedQuery ?? "").split(separator: "&").filter { parameter in
            let name = parameter.prefix { $0 != "=" }.lowercased()
            return !name.hasPrefix("utm_") && !tracking.contains(name)
        }
        guard !path.isEmpty || !parameters.isEmpty else { return nil }
        return text + path + (parameters.isEmpty ? "" : "?" + parameters.sorted().joined(separator: "&"))
    }
}

/// Which fingerprints may have been seen: a Bloom filter (Bloom 1970) in front of the table. It never denies one that it was
/// told of, and takes 16 bits and 8 probes for each, by which one in some 2,000 others passes.
package struct SeenFingerprints: Sendable {
    private static let bitsPerEntry = 16
    private static let probes = 8
    private static let fewestEntries = 65_536

    private var words: [UInt64]
    private(set) var count = 0
    /// Beyond it, too many others pass: make a larger one.
    package let capacity: Int

    package init(capacity: Int = 0) {
        self.capacity = max(capacity, Self.fewestEntries)
        words = Array(repeating: 0, count: self.capacity * Self.bitsPerEntry / 64)
    }

    package mutating func insert(_ fingerprint: TrendFingerprint) { insert(stored: fingerprint.bytes) }

    mutating func insert(stored bytes: Data) {
        count += 1
        forEachBit(of: bytes) {
            words[$0 / 64] |= 1 << UInt64($0 % 64); return true
        }
    }

    package func mayContain(_ fingerprint: TrendFingerprint) -> Bool {
        forEachBit(of: fingerprint.bytes) { words[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }
    }

    /// Double hashing (Kirsch and Mitzenmacher 2006) with the two halves of a fingerprint, which is a hash already.
    @discardableResult
    private func forEachBit(of bytes: Data, _ body: (Int) -> Bool) -> Bool {
        let (a, b) = bytes.withUnsafeBytes { raw in
            (raw.loadUnaligned(as: UInt64.self), raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self) | 1)
        }
        for probe in 0..<UInt64(Self.probes) {
            guard body(Int((a &+ probe &* b) % UInt64(words.count * 64))) else { return false }
        }
        return true
    }
}
