import NIOHTTP1
import Services

/// What browsers may do from pages of other origins (the Fetch standard's CORS protocol). By default any origin may call,
/// as at Qdrant.
public struct CORS: Sendable, Equatable {
    /// Origins that may call, as `https://app.example.org`; `nil` for any.
    public let origins: Set<String>?
    /// Whether browsers send cookies and let pages see answers to requests with them; only with a list of origins.
    public let allowsCredentials: Bool
    /// How long a browser may rely on the answer to a preflight request.
    public let maxAgeSeconds: Int

    /// Any origin, without credentials.
    public init() { self.init(origins: nil, allowsCredentials: false, maxAgeSeconds: 3_600) }

    /// Those origins alone.
    public init(origins: Set<String>, allowsCredentials: Bool = false, maxAgeSeconds: Int = 3_600) {
        self.init(origins: .some(origins), allowsCredentials: allowsCredentials, maxAgeSeconds: maxAgeSeconds)
    }

    init(origins: Set<String>?, allowsCredentials: Bool, maxAgeSeconds: Int) {
        // Every page that a user opens could act in the user's name otherwise.
        precondition(origins != nil || !allowsCredentials, "credentials need a list of origins")
        self.origins = origins
        self.allowsCredentials = allowsCredentials
        self.maxAgeSeconds = maxAgeSeconds
    }

    /// The answer to a preflight request; `nil` for any other request. To origins that may not call, it allows nothing.
    func preflight(_ request: HTTPRequestHead) -> Reply? {
        guard request.method == .OPTIONS, request.headers.contains(name: "access-control-request-method"),
            let origin = request.headers.first(name: "origin")
        else { return nil }
        guard allows(origin) else { return Reply(body: .bytes([])) }
        var headers: HTTPHeaders = [
            "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            "access-control-max-age": "\(maxAgeSeconds)",
        ]
        if let requested = request.headers.first(name: "access-control-request-headers"), Self.isList(requested) {
            headers.add(name: "access-control-allow-headers", value: requested)
            headers.add(name: "vary", value: "access-control-request-headers")
        }
        return Reply(headers: headers, body: .bytes([]))
    }

    /// Adds to an answer what the browser lets the page have of it.
    func addHeaders(to headers: inout HTTPHeaders, _ request: HTTPRequestHead) {
        guard let origin = request.headers.first(name: "origin") else { return }
        // Caches must not give the answer for one origin to another.
        if origins != nil { headers.add(name: "vary", value: "origin") }
        guard allows(origin) else { return }
        headers.add(name: "access-control-allow-origin", value: origins == nil ? "*" : origin)
        headers.add(name: "access-control-expose-headers", value: "x-request-id, retry-after")
        if allowsCredentials { headers.add(name: "access-control-allow-credentials", value: "true") }
    }

    /// Whether pages of this origin may call.
    func allows(_ origin: String) -> Bool { origins?.contains(origin) ?? true }

    /// Names of headers with commas between.
    private static func isList(_ text: String) -> Bool {
        text.utf8.count <= 2_048
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~, ".utf8.contains(byte)
                }
            }
    }

    /// Throws `.forbidden` for a WebSocket that a page of another origin asks for, unless those may call the API. Browsers keep a page
    /// from reading others' answers, but not from talking to their WebSockets.
    ///
    /// A page of the server's own origin names the host that it is asked as.
    static func checkWebSocket(_ request: HTTPRequestHead, _ cors: CORS?) throws {
        guard let origin = request.headers.first(name: "origin"), cors?.allows(origin) != true else { return }
        let host = request.headers.first(name: "host")?.lowercased() ?? ""
        let own = ["http://\(host)", "https://\(host)"]
        guard host.isEmpty || !own.contains(origin.lowercased()) else { return }
        throw ServiceError(.forbidden, "Pages of other origins may not open WebSockets here")
    }
}
