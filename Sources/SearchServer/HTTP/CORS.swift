import NIOHTTP1
import Services

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

    /// Throws `.forbidden` for a WebSocket that a page of another origin asks for, unless those may call the API. Browsers keep a page
    /// from reading others' answers, but not from talking to their WebSockets.
    ///
    /// A page of the server's own origin names the host that it is asked as.
    static func checkWebSocket(_ request: HTTPRequestHead, isOpen: Bool) throws {
        guard !isOpen, let origin = request.headers.first(name: "origin") else { return }
        let host = request.headers.first(name: "host")?.lowercased() ?? ""
        let own = ["http://\(host)", "https://\(host)"]
        guard host.isEmpty || !own.contains(origin.lowercased()) else { return }
        throw ServiceError(.forbidden, "Pages of other origins may not open WebSockets here")
    }

    static func addHeaders(to headers: inout HTTPHeaders, _ request: HTTPRequestHead) {
        guard request.headers.contains(name: "origin") else { return }
        headers.add(name: "access-control-allow-origin", value: "*")
    }
}
