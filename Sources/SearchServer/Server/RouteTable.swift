import NIOHTTP1

/// Finds the endpoint of a method and a path: a tree of path segments. A literal segment wins over a parameter, unless
/// it has no endpoint for the method.
struct RouteTable: Sendable {
    struct Match: Sendable {
        var endpoint: Int
        var parameters: [String]
    }

    private struct Node: Sendable {
        var literals: [String: Int] = [:]
        var parameter: Int?
        var endpoints: [(method: HTTPMethod, endpoint: Int)] = []

        func endpoint(_ method: HTTPMethod) -> Int? { endpoints.first { $0.method == method }?.endpoint }
    }

    let endpoints: [Endpoint]
    private var nodes = [Node()]

    init(_ endpoints: [Endpoint]) {
        self.endpoints = endpoints
        for (index, endpoint) in endpoints.enumerated() {
            var node = 0
            for segment in endpoint.path.split(separator: "/") {
                node = child(of: node, String(segment))
            }
            precondition(nodes[node].endpoint(endpoint.method) == nil, "two endpoints for \(endpoint.path)")
            nodes[node].endpoints.append((endpoint.method, index))
        }
    }

    private mutating func child(of node: Int, _ segment: String) -> Int {
        let isParameter = segment.first == "{"
        if let child = isParameter ? nodes[node].parameter : nodes[node].literals[segment] { return child }
        nodes.append(Node())
        let child = nodes.count - 1
        if isParameter { nodes[node].parameter = child } else { nodes[node].literals[segment] = child }
        return child
    }

    func match(_ method: HTTPMethod, _ segments: [String]) -> Match? {
        var parameters: [String] = []
        guard let endpoint = find(method, segments[...], node: 0, &parameters) else { return nil }
        return Match(endpoint: endpoint, parameters: parameters)
    }

    /// As deep as the longest path of an endpoint.
    private func find(
        _ method: HTTPMethod, _ segments: ArraySlice<String>, node: Int, _ parameters: inout [String]
    ) -> Int? {
        guard let segment = segments.first else { return nodes[node].endpoint(method) }
        let rest = segments.dropFirst()
        if let child = nodes[node].literals[segment], let found = find(method, rest, node: child, &parameters) {
            return found
        }
        guard let child = nodes[node].parameter, !segment.isEmpty else { return nil }
        parameters.append(segment)
        if let found = find(method, rest, node: child, &parameters) { return found }
        parameters.removeLast()
        return nil
    }
}
