import NIOHTTP1

extension HTTPHeaders {
    /// The key that a client shows: as `api-key`, or as a bearer's token.
    var presentedKey: String? {
        if let key = first(name: "api-key") { return key }
        guard let authorization = first(name: "authorization"), authorization.hasPrefix("Bearer ") else { return nil }
        return String(authorization.dropFirst("Bearer ".count))
    }
}
