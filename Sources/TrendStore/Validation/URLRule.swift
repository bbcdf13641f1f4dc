extension FieldRules {
    /// An absolute `http` or `https` URL with a host (RFC 3986; characters beyond ASCII may stand unescaped, as in
    /// RFC 3987). Other schemes are refused: whoever shows the link must not run a script by it.
    static func url(_ value: String, _ field: String) throws {
        try text(value, field, length: urlLength)
        for scalar in value.unicodeScalars where isForbidden(scalar) {
            throw invalid(field, "must not contain the character U+\(hex(scalar.value))")
        }
        // Bytes, because a combining mark behind a delimiter would hide it from a comparison of characters.
        let bytes = Array(value.utf8)
        guard let scheme = ["http://", "https://"].first(where: { startsWith($0, bytes) }) else {
            throw invalid(field, "must begin with http:// or https://")
        }
        try authority(bytes.dropFirst(scheme.utf8.count).prefix { !"/?#".utf8.contains($0) }, field)
        for index in bytes.indices where bytes[index] == UInt8(ascii: "%") {
            guard index + 2 < bytes.count, isHexDigit(bytes[index + 1]), isHexDigit(bytes[index + 2]) else {
                throw invalid(field, "has a `%` that two hexadecimal digits don't follow")
            }
        }
    }

    private static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value <= 0x20 || (0x7F...0xA0).contains(scalar.value) || scalar.properties.isWhitespace
            || "<>\"{}|\\^`".unicodeScalars.contains(scalar)
    }

    private static func startsWith(_ scheme: String, _ bytes: [UInt8]) -> Bool {
        let start = bytes.prefix(scheme.utf8.count).map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        return start.elementsEqual(scheme.utf8)
    }

    /// `user@host:port`, `host` or `[address]:port`.
    private static func authority(_ authority: ArraySlice<UInt8>, _ field: String) throws {
        var host = authority
        if let at = host.lastIndex(of: UInt8(ascii: "@")) { host = host[(at + 1)...] }
        var port: ArraySlice<UInt8> = []
        if host.first == UInt8(ascii: "[") {
            guard let bracket = host.firstIndex(of: UInt8(ascii: "]")) else {
                throw invalid(field, "has an unclosed bracket in its host")
            }
            let address = host[(host.startIndex + 1)..<bracket]
            guard address.contains(UInt8(ascii: ":")), address.allSatisfy({ isHexDigit($0) || ":.".utf8.contains($0) })
            else { throw invalid(field, "has a malformed IPv6 address as host") }
            let rest = host[(bracket + 1)...]
            guard rest.isEmpty || rest.first == UInt8(ascii: ":") else {
                throw invalid(field, "has text behind its host")
            }
            port = rest.dropFirst()
        } else {
            if let colon = host.firstIndex(of: UInt8(ascii: ":")) {
                port = host[(colon + 1)...]
                host = host[..<colon]
            }
            guard !host.isEmpty else { throw invalid(field, "has no host") }
            guard !host.contains(where: { "[]".utf8.contains($0) }) else {
                throw invalid(field, "has a bracket in its host")
            }
        }
        guard port.isEmpty || port.allSatisfy({ (0x30...0x39).contains($0) }) && UInt16(string(port)) != nil else {
            throw invalid(field, "has a malformed port")
        }
    }

    private static func string(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }

    private static func hex(_ value: UInt32) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
