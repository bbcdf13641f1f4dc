import NIOHTTP1

/// The description of the trend API, and the page that shows it. They are the same at every server of a version and tell nothing of
/// what is stored, so that they need no key.
extension Endpoints {
    static let descriptions: [Endpoint] = [
        .get(
            Endpoint.Envelope.trendPrefix + "openapi.json", needs: .open,
            .immediate { _ in
                var reply = Reply.bytes(OpenAPIDocument.bytes, contentType: "application/json")
                // After an update the page must not show what was described before.
                reply.headers.add(name: "cache-control", value: "no-cache")
                return reply
            }),
        .get(
            Endpoint.Envelope.trendPrefix + "docs", needs: .open,
            .immediate { _ in
                var reply = Reply.bytes(DocumentationPage.html, contentType: "text/html; charset=utf-8")
                reply.headers.add(name: "content-security-policy", value: DocumentationPage.securityPolicy)
                reply.headers.add(name: "x-content-type-options", value: "nosniff")
                reply.headers.add(name: "referrer-policy", value: "no-referrer")
                reply.headers.add(name: "cache-control", value: "no-cache")
                return reply
            }),
    ]
}
