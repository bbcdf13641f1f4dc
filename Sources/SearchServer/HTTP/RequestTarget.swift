/// A request's path, taken apart: segments between slashes, each percent-decoded by itself, so that an encoded slash
/// stays part of a name.
struct RequestTarget: Sendable {
    /// `nil` for a path without a leading slash, or that is no valid percent-encoded UTF-8.
    var segments: [String]?
    var query: Substring

    init(_ target: String) {
        let target = Self.withoutOrigin(target)
        // By bytes: characters would have to be told apart first.
        let path = target.utf8.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        let rest = target.utf8[path.endIndex...]
        query =
            rest.first == UInt8(ascii: "?")
            ? Substring(rest.dropFirst().prefix { $0 != UInt8(ascii: "#") }) : ""
        guard path.isEmpty || path.first == UInt8(ascii: "/") else { return }
        // The first segment is the empty one before the leading slash.
        let parts = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst()
        var segments: [String] = []
        segments.reserveCapacity(parts.count)
        for part in parts {
            guard let segment = percentDecoded(part, plusIsSpace: false) else { return }
            segments.append(segment)
        }
        self.segments = segments == [""] ? [] : segments
    }

    /// Proxies may send the whole address: `http://host/path`.
    private static func withoutOrigin(_ target: String) -> Substring {
        guard target.utf8.first != UInt8(ascii: "/") else { return target[...] }
        for scheme in ["http://", "https://"] where target.lowercased().hasPrefix(scheme) {
            return Substring(
                target.dropFirst(scheme.count).utf8.drop {
                    $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#")
                })
        }
        return target[...]
    }
}

/// `nil` if an escape is incomplete or the bytes are no UTF-8.
func percentDecoded(_ text: Substring.UTF8View, plusIsSpace: Bool) -> String? {
    guard text.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") || $0 >= 0x80 }) else {
        return String(Substring(text))
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var iterator = text.makeIterator()
    while let byte = iterator.next() {
        switch byte {
        case UInt8(ascii: "%"):
            guard let high = iterator.next().flatMap(hexadecimalDigit),
                let low = iterator.next().flatMap(hexadecimalDigit)
            else { return nil }
            bytes.append(high << 4 | low)
        case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
        default: bytes.append(byte)
        }
    }
    return String(validating: bytes, as: UTF8.self)
}

private func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
