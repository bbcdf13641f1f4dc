import NIOHTTP1

/// Lets browsers call the API from any origin, as Qdrant does unless it is switched off.
enum CORS {
    /// The answer to a preflight request; `nil` for any other request.
    static func preflight(_ request: HTTPRequestHead) -> Reply? {
        guard request.method == .OPTIONS, request.headers.contains(name: "origin"),
            request.headers.contains(name: "access-control-request-method")
        else { return nil }
        var headers: HTTPHeaders = [
            "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            "access-control-max-age": "3600",
        ]
        if let requested = request.headers.first(name: "access-control-request-headers") {
            headers.add(name: "access-control-allow-headers", value: requested)
        }
        return Reply(headers: headers, body: .bytes([]))
    }

    static func addHeaders(to headers: inout HTTPHeaders, _ request: HTTPRequestHead) {
        guard request.headers.contains(name: "origin") else { return }
        headers.add(name: "access-control-allow-origin", value: "*")
    }
}
