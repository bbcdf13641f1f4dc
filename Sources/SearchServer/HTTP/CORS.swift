import HTTPTypes
import Hummingbird

/// Lets browsers call the API from any origin, as Qdrant does unless it is switched off.
enum CORS {
    /// The answer to a preflight request; `nil` for any other request.
    static func preflight(_ request: Request) -> Response? {
        guard request.method == .options, request.headers[.origin] != nil,
            request.headers[.accessControlRequestMethod] != nil
        else { return nil }
        var headers: HTTPFields = [
            .accessControlAllowOrigin: "*",
            .accessControlAllowMethods: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            .accessControlMaxAge: "3600",
        ]
        if let requested = request.headers[.accessControlRequestHeaders] {
            headers[.accessControlAllowHeaders] = requested
        }
        return Response(status: .ok, headers: headers)
    }

    static func addHeaders(to headers: inout HTTPFields, _ request: Request) {
        guard request.headers[.origin] != nil else { return }
        headers[.accessControlAllowOrigin] = "*"
    }
}
