import AsyncHTTPClient
import Foundation
import JSON
import NIOCore
import NIOHTTP1
import NIOPosix

/// Works with the snapshots of a running server, Trendex or Qdrant, over its API.
public struct SnapshotClient: Sendable {
    public struct Snapshot: Sendable, Equatable {
        public var name: String
        public var creationTime: String?
        /// In bytes.
        public var size: Int
        /// SHA-256 in hex.
        public var checksum: String?
    }

    public struct Failure: Error, CustomStringConvertible, Equatable {
        public var description: String
    }

    /// Like the shared one, but tells at once of a server that does not listen.
    static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration.singletonConfiguration
        configuration.connectionPool.retryConnectionEstablishment = false
        // The key would follow wherever the answer leads.
        configuration.redirectConfiguration = .disallow
        return HTTPClient(
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
    }()

    /// Whether an error tells that nothing listens at an address.
    static func isRefused(_ error: any Error) -> Bool {
        error is NIOConnectionError || (error as? IOError)?.errnoCode == ECONNREFUSED
    }

    private let base: String
    private let apiKey: String?

    /// `url` is the server's, such as `http://localhost:6333`.
    public init(url: String, apiKey: String?) {
        base = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.apiKey = apiKey
    }

    /// Without a collection, of the whole storage.
    public func create(collection: String?) async throws -> Snapshot {
        try Self.snapshot(try await result(.POST, path(collection)))
    }

    public func list(collection: String?) async throws -> [Snapshot] {
        guard let list = try await result(.GET, path(collection)).arrayValue else { throw Self.unexpected }
        return try list.map(Self.snapshot)
    }

    public func delete(collection: String?, name: String) async throws {
        _ = try await result(.DELETE, path(collection) + "/" + Self.escaped(name))
    }

    /// Writes the snapshot to a new file; answers its size in bytes.
    public func download(collection: String?, name: String, to file: String) async throws -> Int {
        let response = try await send(.GET, path(collection) + "/" + Self.escaped(name))
        guard response.status == .ok else {
            throw try await Self.failure(response, bytes: Self.collect(response))
        }
        let output: LocalFile
        do { output = try LocalFile.create(file) } catch {
            throw Failure(description: "\(APIError(any: error).message)")
        }
        var size = 0
        do {
            for try await chunk in response.body {
                try output.write(Array(chunk.readableBytesView))
                size += chunk.readableBytes
            }
        } catch {
            LocalFile.remove(file)
            throw Failure(description: "The download broke off: \(error)")
        }
        return size
    }

    /// Uploads a snapshot's file and restores the collection from it, in place of what it holds.
    public func restore(collection: String, file: String, checksum: String?) async throws {
        let boundary = "trendex-\(randomHexadecimal(bytes: 16))"
        let head =
            "--\(boundary)\r\nContent-Disposition: form-data; name=\"snapshot\"; filename=\"snapshot\"\r\n"
            + "Content-Type: application/octet-stream\r\n\r\n"
        let tail = "\r\n--\(boundary)--\r\n"
        let input: LocalFile
        let size: Int
        do {
            input = try LocalFile.openForReading(file)
            size = try input.size()
        } catch {
            throw Failure(description: APIError(any: error).message)
        }
        let parts = MultipartFile(head: head, file: input, tail: tail)
        var request = request(
            .POST,
            path(collection) + "/upload?wait=true" + (checksum.map { "&checksum=\(Self.escaped($0))" } ?? ""))
        request.headers.replaceOrAdd(name: "content-type", value: "multipart/form-data; boundary=\(boundary)")
        request.body = .stream(parts, length: .known(Int64(head.utf8.count + size + tail.utf8.count)))
        _ = try await result(request)
    }

    // MARK: Requests

    private func path(_ collection: String?) -> String {
        collection.map { "/collections/\(Self.escaped($0))/snapshots" } ?? "/snapshots"
    }

    private func request(_ method: HTTPMethod, _ path: String) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: base + path)
        request.method = method
        if let apiKey { request.headers.add(name: "api-key", value: apiKey) }
        return request
    }

    private func send(_ method: HTTPMethod, _ path: String) async throws -> HTTPClientResponse {
        try await send(request(method, path))
    }

    private func send(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
        do {
            return try await Self.client.execute(request, timeout: .hours(24))
        } catch  where Self.isRefused(error) {
            throw Failure(
                description:
                    "No answer from \(base): nothing listens there. Is the server running, and is the URL right?")
        } catch {
            throw Failure(description: "No answer from \(base): \(error)")
        }
    }

    private func result(_ method: HTTPMethod, _ path: String) async throws -> JSONValue {
        try await result(request(method, path))
    }

    private func result(_ request: HTTPClientRequest) async throws -> JSONValue {
        let response = try await send(request)
        let bytes = try await Self.collect(response)
        guard (200..<300).contains(response.status.code),
            let value = try? JSONValue(parsing: bytes.readableBytesView), let result = value["result"]
        else { throw Self.failure(response, bytes: bytes) }
        return result
    }

    private static func collect(_ response: HTTPClientResponse) async throws -> ByteBuffer {
        do {
            return try await response.body.collect(upTo: 1 << 26)
        } catch {
            throw Failure(description: "The answer broke off: \(error)")
        }
    }

    private static func failure(_ response: HTTPClientResponse, bytes: ByteBuffer) -> Failure {
        let value = try? JSONValue(parsing: bytes.readableBytesView)
        let message = value?["status"]?["error"]?.stringValue ?? String(buffer: bytes)
        return Failure(description: "\(response.status.code): \(message)")
    }

    private static let unexpected = Failure(description: "The server's answer is not what Qdrant's API says.")

    private static func snapshot(_ value: JSONValue) throws -> Snapshot {
        guard let name = value["name"]?.stringValue else { throw unexpected }
        return Snapshot(
            name: name, creationTime: value["creation_time"]?.stringValue,
            size: Int(value["size"]?.integerValue ?? 0), checksum: value["checksum"]?.stringValue)
    }

    /// Percent-encodes all but the unreserved characters of RFC 3986.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return result
    }
}

/// A form's bytes around those of a file, read as they are sent.
private struct MultipartFile: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    let head: String
    let file: LocalFile
    let tail: String

    struct Iterator: AsyncIteratorProtocol {
        enum Stage { case head, file, end }

        let parts: MultipartFile
        var stage = Stage.head

        mutating func next() async throws -> ByteBuffer? {
            switch stage {
            case .head:
                stage = .file
                return ByteBuffer(string: parts.head)
            case .file:
                let bytes = try parts.file.read(upTo: 1 << 19)
                if !bytes.isEmpty { return ByteBuffer(bytes: bytes) }
                stage = .end
                return ByteBuffer(string: parts.tail)
            case .end: return nil
            }
        }
    }

    func makeAsyncIterator() -> Iterator { Iterator(parts: self) }
}
