import Foundation
import JSON
import NIOHTTP1
import SearchServer
import Testing

/// The description of the trend API against the server that it describes. Values and answers are compared in
/// `Tests/compatibility/test_openapi.py`.
@Suite struct OpenAPITests {
    private static let prefix = "/api/v1"
    private static let id = "01969f2a-4a00-7c3e-9b1d-3f0a6c1e7b01"

    private func description(_ server: TestServer) async throws -> JSONValue {
        let answer = try await server.send(.GET, "\(Self.prefix)/openapi.json")
        #expect(answer.status == 200 && answer.headers.first(name: "content-type") == "application/json")
        return answer.json
    }

    /// The operations of a description, by `GET /api/v1/trends`.
    private func operations(_ description: JSONValue) -> [String: JSONValue] {
        var operations: [String: JSONValue] = [:]
        for (path, item) in description["paths"]?.objectValue ?? [:] {
            for (method, operation) in item.objectValue ?? [:] {
                operations["\(method.string.uppercased()) \(Self.prefix)\(path.string)"] = operation
            }
        }
        return operations
    }

    @Test func everyRouteIsDescribedAndNoOther() async throws {
        try await withServer { server in
            let described = operations(try await description(server))
            let served = Endpoints.routes.filter { $0.contains(" \(Self.prefix)/") }
            #expect(served.count >= 50)
            for route in served { #expect(described[route] != nil, "\(route) has no `RouteDescription`") }
            for route in described.keys { #expect(served.contains(route), "\(route) is no endpoint") }
            let names = described.values.compactMap { $0["operationId"]?.stringValue }
            #expect(Set(names).count == described.count)
            for (route, operation) in described {
                let inPath = Set(route.matches(of: /\{([a-z]+)\}/).map { String($0.1) })
                #expect(parameters(operation, in: "path") == inPath, "\(route)")
                let takesBody = ["POST", "PUT", "PATCH"].contains { route.hasPrefix($0) }
                #expect((operation["requestBody"] != nil) == takesBody, "\(route)")
            }
        }
    }

    private func parameters(_ operation: JSONValue, in place: String) -> Set<String> {
        Set(
            (operation["parameters"]?.arrayValue ?? []).compactMap { parameter in
                if parameter["$ref"] != nil { return place == "query" ? "timeout" : nil }
                return parameter["in"]?.stringValue == place ? parameter["name"]?.stringValue : nil
            })
    }

    /// The decoders tell what they take to whoever sends something else.
    @Test func theParametersAreThoseOfTheDecoders() async throws {
        try await withServer { server in
            for (route, operation) in operations(try await description(server)) where operation["security"] == nil {
                let parts = route.split(separator: " ").map { String($0) }
                let path = parts[1].replacing(/\{[a-z]+\}/, with: Self.id)
                let more = route.hasSuffix("/events") ? "&follow=false" : ""
                let answer = try await server.send(
                    HTTPMethod(rawValue: parts[0]), "\(path)?no_such_parameter=1\(more)",
                    operation["requestBody"] == nil ? nil : "{}")
                #expect(answer.status == 422, "\(route): \(answer.text)")
                let problem = answer.json["error"]?["details"]?.arrayValue?.first {
                    $0["field"] == "no_such_parameter"
                }
                let message = try #require(problem?["message"]?.stringValue, "\(route): \(answer.text)")
                let accepted = Set(message.matches(of: /`([a-z_]+)`/).map { String($0.1) })
                #expect(parameters(operation, in: "query") == accepted, "\(route)")
            }
        }
    }

    /// Every member that a decoder of the trend API has a case for is described.
    @Test func theMembersAreThoseOfTheDecoders() async throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/SearchServer/Decode")
        var members: Set<String> = []
        for file in ["DecodeTrends", "DecodeIdeas", "DecodeBusinesses", "DecodeJobs", "FieldReader"] {
            let source = try String(contentsOf: folder.appending(path: "\(file).swift"), encoding: .utf8)
            for match in source.matches(of: /case ((?:"[a-z_]+"(?:, )?)+):/) {
                members.formUnion(match.1.matches(of: /[a-z_]+/).map { String($0.0) })
            }
        }
        #expect(members.count > 50)
        try await withServer { server in
            let described = properties(try await description(server)["components"]?["schemas"] ?? .null)
            #expect(members.subtracting(described) == [])
        }
    }

    /// The names of all properties of schemas, at any depth.
    private func properties(_ value: JSONValue) -> Set<String> {
        switch value {
        case .array(let elements): elements.reduce(into: []) { $0.formUnion(properties($1)) }
        case .object(let members):
            members.reduce(into: Set((value["properties"]?.objectValue ?? [:]).keys.map(\.string))) {
                $0.formUnion(properties($1.value))
            }
        default: []
        }
    }

    @Test func theVersionIsTheProducts() async throws {
        try await withServer { server in
            let version = try await description(server)["info"]?["version"]
            #expect(version?.stringValue == ServerVersion.trendex)
        }
    }

    @Test func thePageRunsOnlyItsOwnScript() async throws {
        try await withServer { server in
            let answer = try await server.send(.GET, "\(Self.prefix)/docs")
            #expect(answer.status == 200)
            #expect(answer.headers.first(name: "content-type") == "text/html; charset=utf-8")
            let policy = try #require(answer.headers.first(name: "content-security-policy"))
            #expect(policy.hasPrefix("default-src 'none'; ") && !policy.contains("unsafe"))
            #expect(answer.headers.first(name: "x-content-type-options") == "nosniff")
            // Nothing is loaded from elsewhere.
            #expect(!answer.text.contains("http://") && !answer.text.contains("https://"))
            #expect(answer.text.firstMatch(of: /\ssrc=|\son[a-z]+=|\sstyle=/) == nil)
        }
    }
}
