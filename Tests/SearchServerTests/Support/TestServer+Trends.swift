import JSON
import NIOHTTP1
import Testing

extension TestServer {
    /// Expects success in the trend API's envelope, and answers the data.
    func data(
        _ status: Int, _ method: HTTPMethod, _ path: String, _ body: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> JSONValue {
        let answer = try await send(method, path, body)
        #expect(answer.status == status, "\(method.rawValue) \(path): \(answer.text)", sourceLocation: sourceLocation)
        #expect(answer.json["success"] == true && answer.json["error"] == nil, sourceLocation: sourceLocation)
        return answer.json["data"] ?? .null
    }

    /// Expects an error in the trend API's envelope, and answers it.
    @discardableResult
    func refused(
        _ status: Int, _ method: HTTPMethod, _ path: String, _ body: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> JSONValue {
        let answer = try await send(method, path, body)
        #expect(
            answer.status == status, "\(method.rawValue) \(path) \(body ?? ""): \(answer.text)",
            sourceLocation: sourceLocation)
        #expect(answer.json["success"] == false && answer.json["data"] == nil, sourceLocation: sourceLocation)
        #expect(answer.json["error"]?["message"]?.stringValue?.isEmpty == false, sourceLocation: sourceLocation)
        return answer.json["error"] ?? .null
    }

    /// Creates a trend, and answers its id.
    func create(_ body: String) async throws -> String {
        try #require(try await data(201, .POST, "/api/v1/trends", body)["id"]?.stringValue)
    }
}
