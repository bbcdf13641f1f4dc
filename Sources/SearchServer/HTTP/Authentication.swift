import NIOHTTP1

/// Who may call: everyone, or those who show one of the two keys.
package struct Authentication: Sendable {
    /// What an endpoint needs.
    enum Access: Sendable {
        /// Open even when keys are set: what load balancers ask for.
        case open
        case read
        case write
    }

    private let apiKey: [UInt8]?
    private let alternativeKey: [UInt8]?
    private let readOnlyKey: [UInt8]?

    package init(apiKey: String?, alternativeKey: String? = nil, readOnlyKey: String?) {
        func bytes(_ key: String?) -> [UInt8]? { key.flatMap { $0.isEmpty ? nil : Array($0.utf8) } }
        self.apiKey = bytes(apiKey)
        self.alternativeKey = bytes(alternativeKey)
        self.readOnlyKey = bytes(readOnlyKey)
    }

    var isEnabled: Bool { apiKey != nil || alternativeKey != nil || readOnlyKey != nil }

    /// Throws 401 without a valid key, and 403 when it may not write. Every key is compared, whichever matches.
    func check(_ headers: HTTPHeaders, needs access: Access) throws {
        guard isEnabled, access != .open else { return }
        guard let presented = Self.presentedKey(headers) else {
            throw Self.unauthorized("Must provide an API key or an Authorization bearer token")
        }
        let key = Array(presented.utf8)
        let mayWrite = Self.isEqual(key, apiKey)
        let mayWriteToo = Self.isEqual(key, alternativeKey)
        let mayRead = Self.isEqual(key, readOnlyKey)
        if mayWrite || mayWriteToo { return }
        guard mayRead else { throw Self.unauthorized("Invalid API key or JWT") }
        guard access == .read else {
            throw APIError(.forbidden, "Forbidden: Global manage access is required")
        }
    }

    private static func presentedKey(_ headers: HTTPHeaders) -> String? {
        if let key = headers.first(name: "api-key") { return key }
        guard let authorization = headers.first(name: "authorization"), authorization.hasPrefix("Bearer ") else {
            return nil
        }
        return String(authorization.dropFirst("Bearer ".count))
    }

    private static func unauthorized(_ message: String) -> APIError {
        var error = APIError(.unauthorized, message)
        error.isPlainText = true
        return error
    }

    /// Takes a time that depends on the presented key's length alone, so that it tells nothing about the secret.
    package static func isEqual(_ presented: [UInt8], _ secret: [UInt8]?) -> Bool {
        guard let secret, !secret.isEmpty else { return false }
        var difference = UInt(bitPattern: presented.count ^ secret.count)
        var index = 0
        for byte in presented {
            difference |= UInt(byte ^ secret[index])
            index = index + 1 == secret.count ? 0 : index + 1
        }
        return difference == 0
    }
}
