import Foundation
import JSON

/// Where a server listens, and how requests to it are written.
struct HTTPEndpoint: Sendable, CustomStringConvertible {
    var host: String
    var port: Int
    var apiKey: String?

    var description: String { "http://\(host):\(port)" }

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `http://host:port`.
    init(url: String, apiKey: String?) throws {
        guard let parts = URLComponents(string: url), parts.scheme == "http", let host = parts.host,
            parts.path.isEmpty || parts.path == "/"
        else { throw BenchError("--url \(url): needs the form http://host:port") }
        self.host = host
        port = parts.port ?? 6333
        self.apiKey = apiKey
    }

    /// The bytes of a whole request.
    func request(_ method: String, _ path: String, body: [UInt8] = []) -> [UInt8] {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: \(host):\(port)\r\n"
        if let apiKey { head += "api-key: \(apiKey)\r\n" }
        if !body.isEmpty { head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n" }
        return Array((head + "\r\n").utf8) + body
    }

    /// Calls once, on a connection of its own, and returns the answer's JSON. Throws for any status but 200.
    @discardableResult
    func call(_ method: String, _ path: String, _ body: JSONValue? = nil) throws -> JSONValue {
        let response = try HTTPConnection(self).send(request(method, path, body: body?.serialized() ?? []))
        guard response.status == 200 else {
            throw BenchError(
                "\(method) \(path): status \(response.status): \(String(decoding: response.body.prefix(500), as: UTF8.self))"
            )
        }
        return (try? JSONValue(parsing: response.body)) ?? .null
    }
}
