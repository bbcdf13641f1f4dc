import Crypto
import Foundation
import HTTPTypes
import NIOHTTP1
import Services

/// The opening handshake of a WebSocket (RFC 6455, section 4.2), from the server's side.
struct WebSocketHandshake {
    /// The subprotocol that browsers ask for beside the one that carries their key.
    static let subprotocol = "trendex.events"
    /// In front of a key in base64url, as a subprotocol: the only header that a browser lets its page choose.
    static let keyPrefix = "trendex.key."
    private static let version = "13"
    /// RFC 6455, section 1.3.
    private static let magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// Headers of the answer, whose status is 101.
    let headers: HTTPHeaders

    /// Throws an `APIError` for a request that is no handshake.
    init(_ head: HTTPRequestHead) throws {
        let upgrade = head.headers[canonicalForm: "upgrade"]
        let connection = head.headers[canonicalForm: "connection"]
        guard head.method == .GET, head.version == .http1_1,
            upgrade.contains(where: { $0.lowercased() == "websocket" }),
            connection.contains(where: { $0.lowercased() == "upgrade" })
        else { throw APIError(.upgradeRequired, "This is a WebSocket: ask for it with `Upgrade: websocket`") }
        guard head.headers["sec-websocket-version"] == [Self.version] else {
            throw APIError(.upgradeRequired, "Sec-WebSocket-Version must be \(Self.version)")
        }
        let keys = head.headers["sec-websocket-key"]
        guard keys.count == 1, Data(base64Encoded: keys[0])?.count == 16 else {
            throw APIError(.badRequest, "Sec-WebSocket-Key must be 16 bytes in base64")
        }
        // What follows the head belongs to the other protocol, so that no body can stand between.
        guard !head.headers.contains(name: "transfer-encoding"),
            head.headers["content-length"].allSatisfy({ $0 == "0" })
        else { throw APIError(.badRequest, "The request for a WebSocket must have no body") }
        let accept = Data(Insecure.SHA1.hash(data: Data((keys[0] + Self.magic).utf8))).base64EncodedString()
        var headers: HTTPHeaders = ["upgrade": "websocket", "connection": "Upgrade", "sec-websocket-accept": accept]
        // The one with the key is never sent back.
        if head.headers[canonicalForm: "sec-websocket-protocol"].contains(where: { $0 == Self.subprotocol }) {
            headers.add(name: "sec-websocket-protocol", value: Self.subprotocol)
        }
        self.headers = headers
    }

    /// What an answer that refuses a handshake for its version has to have.
    static func addVersion(to headers: inout HTTPHeaders) {
        headers.replaceOrAdd(name: "sec-websocket-version", value: version)
        headers.replaceOrAdd(name: "upgrade", value: "websocket")
    }
}

extension HTTPHeaders {
    /// The key that a browser's page shows as a subprotocol; `nil` where there is none, empty for one that can't be read.
    var webSocketKey: String? {
        let protocols = self[canonicalForm: "sec-websocket-protocol"]
        guard let found = protocols.first(where: { $0.hasPrefix(WebSocketHandshake.keyPrefix) }) else { return nil }
        var text = found.dropFirst(WebSocketHandshake.keyPrefix.count).replacing("-", with: "+").replacing(
            "_", with: "/")
        text += String(repeating: "=", count: (4 - text.count % 4) % 4)
        return Data(base64Encoded: String(text)).flatMap { String(validating: $0, as: UTF8.self) } ?? ""
    }
}
