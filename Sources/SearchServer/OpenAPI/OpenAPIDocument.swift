import JSON
import NIOHTTP1
import Services

/// The OpenAPI 3.1 description of the trend API.
///
/// It is made of the table of endpoints, which says what there is, who may ask and which bodies are read, and of the
/// ``RouteDescription``s, which say the rest. A route without a description is left out; a test refuses that.
enum OpenAPIDocument {
    /// As it is served.
    static let bytes: [UInt8] = json.serialized()

    private static let prefix = String(Endpoint.Envelope.trendPrefix.dropLast())

    private static let json: JSONValue = [
        "openapi": "3.1.1",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": [
            "title": "Trendex trend API", "version": .string(ServerVersion.trendex), "description": .string(about),
        ],
        "servers": [["url": .string(prefix), "description": "The server that tells this."]],
        "security": [["apiKey": []], ["bearer": []], [:]],
        "tags": .array(tags.map { ["name": .string($0.name), "description": .string($0.about)] }),
        "paths": paths,
        "components": [
            "securitySchemes": securitySchemes, "headers": headers, "responses": errorAnswers, "schemas": schemas,
            "parameters": ["timeout": parameter(.timeout)],
        ],
    ]

    private static let about = """
        Trends, what was seen of them, the ideas and businesses that follow from them, the jobs of agents, and the events of all that.

        Answers are `{"success": true, "data": …}`; errors are `{"success": false, "error": {"code", "message", "details"}}` and name every \
        field that is wrong. Unknown members and parameters are refused. A server without keys and tokens lets everybody do everything. \
        Each group of routes (the word behind `/api/v1/`) has a rate limit for each caller: 100 requests a minute for tokens, none for keys, \
        unless configured otherwise; beyond it the answer is 429 with `Retry-After`.
        """

    private static let tags: [(name: String, about: String)] = [
        ("trends", "What was found, and how it moves."),
        ("ideas", "Business ideas that follow from trends, with six scores."),
        ("businesses", "What was made of ideas."),
        ("jobs", "Work that is kept until somebody has done it."),
        ("schedules", "Types of job that are queued again and again."),
        ("agents", "Who does the jobs, and what came of it."),
        ("events", "What happens, as pages, server-sent events and a WebSocket."),
        ("description", "This description. It needs no key."),
    ]

    /// Each route is told under the word behind `/api/v1/`.
    private static func tag(_ path: String) -> String {
        let word = path.split(separator: "/").first.map { String($0) } ?? ""
        if word == "ws" { return "events" }
        return tags.contains { $0.name == word } ? word : "description"
    }

    // MARK: Routes

    private static let paths: JSONValue = {
        let described = Dictionary(
            RouteDescription.all.map { ("\($0.method.rawValue) \($0.path)", $0) },
            uniquingKeysWith: { first, _ in first })
        var paths: JSONValue = [:]
        for endpoint in Endpoints.all where endpoint.path.hasPrefix(Endpoint.Envelope.trendPrefix) {
            let path = String(endpoint.path.dropFirst(prefix.count))
            guard let route = described["\(endpoint.method.rawValue) \(path)"] else { continue }
            var operations = paths[path] ?? [:]
            operations[endpoint.method.rawValue.lowercased()] = operation(route, endpoint)
            paths[path] = operations
        }
        return paths
    }()

    private static func operation(_ route: RouteDescription, _ endpoint: Endpoint) -> JSONValue {
        var operation: JSONValue = [
            "tags": [.string(tag(route.path))], "operationId": .string(route.name), "summary": .string(route.summary),
        ]
        let isOpen = endpoint.requirement == .open
        let role = endpoint.requirement.leastRights.role
        let rights = isOpen ? "Needs no key." : "Needs the role `\(role)`."
        operation["description"] = .string(route.details.isEmpty ? rights : "\(route.details)\n\n\(rights)")
        if isOpen { operation["security"] = [] } else { operation["x-required-role"] = .string(role) }
        var parameters = route.parameters.map(parameter)
        if route.takesTimeout && !isOpen { parameters.append(["$ref": "#/components/parameters/timeout"]) }
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let body = route.body {
            var examples: JSONValue = [:]
            for (name, value) in body.examples { examples[name] = ["value": value] }
            operation["requestBody"] = [
                "required": true,
                "content": [
                    "application/json": ["schema": Schema.reference(body.schema).json, "examples": examples]
                ],
            ]
        }
        var answers: JSONValue = [:]
        for answer in route.answers { answers["\(answer.status)"] = told(answer) }
        for status in errors(of: route, endpoint) {
            answers["\(status)"] = ["$ref": .string("#/components/responses/Error\(status)")]
        }
        operation["responses"] = answers
        return operation
    }

    private static func told(_ answer: RouteDescription.Answer) -> JSONValue {
        var told: JSONValue = [
            "description": .string(answer.about),
            "headers": ["X-Request-Id": ["$ref": "#/components/headers/X-Request-Id"]],
        ]
        var contents: JSONValue = [:]
        for content in answer.contents {
            var value: JSONValue = [:]
            value["schema"] = content.schema?.json
            value["example"] = content.example
            contents[content.type] = value
        }
        if !answer.contents.isEmpty { told["content"] = contents }
        return told
    }

    /// Those of the route, and those that follow from its row.
    private static func errors(of route: RouteDescription, _ endpoint: Endpoint) -> [Int] {
        guard endpoint.requirement != .open else { return [503] }
        var statuses: Set<Int> = [400, 401, 403, 422, 429, 500, 503]
        if route.takesTimeout { statuses.insert(408) }
        if route.path.contains("{") { statuses.insert(404) }
        if case .json = endpoint.body { statuses.formUnion([413, 415]) }
        if endpoint.requirement.changesData, endpoint.method != .DELETE { statuses.insert(507) }
        return statuses.union(route.errors).sorted()
    }

    private static func parameter(_ parameter: RouteDescription.Parameter) -> JSONValue {
        var told: JSONValue = [
            "name": .string(parameter.name), "in": .string(parameter.place.rawValue),
            "description": .string(parameter.about), "required": .bool(parameter.isRequired),
            "schema": parameter.schema.json,
        ]
        if parameter.schema.json["type"] == "array" {
            told["style"] = "form"
            told["explode"] = false
        }
        told["example"] = parameter.example
        return told
    }

    // MARK: Components

    private static let securitySchemes: JSONValue = [
        "apiKey": [
            "type": "apiKey", "in": "header", "name": "api-key",
            "description": "A key of the configuration: all rights, or those of a reader.",
        ],
        "bearer": [
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description":
                "A JSON Web Token of HS256, RS256 or ES256 with `sub`, `exp` and a role: reader, agent, writer or admin. An API key will do as well.",
        ],
    ]

    private static let headers: JSONValue = [
        "X-Request-Id": [
            "description":
                "The client's, if it is 1 to 128 letters, digits or `-_.:/+=@`; otherwise one that the server makes.",
            "schema": ["type": "string"],
        ],
        "Retry-After": [
            "description": "Seconds after which another try may succeed.", "schema": ["type": "integer", "minimum": 1],
        ],
        "WWW-Authenticate": ["schema": ["const": "Bearer"]],
        "Sec-WebSocket-Version": ["schema": ["const": "13"]],
    ]

    private static let errorAnswers: JSONValue = {
        var answers: JSONValue = [:]
        for error in ErrorAnswer.all {
            var headers: JSONValue = [:]
            for name in ["X-Request-Id"] + error.headers {
                headers[name] = ["$ref": .string("#/components/headers/\(name)")]
            }
            var examples: JSONValue = [:]
            for (code, value) in error.examples { examples[code] = ["value": value] }
            answers[error.name] = [
                "description": .string(error.about), "headers": headers,
                "content": ["application/json": ["schema": error.schema.json, "examples": examples]],
            ]
        }
        return answers
    }()

    private static let schemas: JSONValue = {
        var schemas: JSONValue = ["PartError": ErrorAnswer.part.json]
        for members in [TrendSchemas.all, IdeaSchemas.all, WorkSchemas.all, EventSchemas.all] {
            for (name, schema) in members { schemas[name] = schema.json }
        }
        return schemas
    }()
}
