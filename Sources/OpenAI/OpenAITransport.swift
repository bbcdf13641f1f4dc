import AsyncHTTPClient
import Dispatch
import NIOCore
import NIOHTTP1
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Sends a request and waits for the answer. Follows no redirect: the key is for one host.
public protocol OpenAITransport: Sendable {
    /// - Parameters:
    ///   - headers: Names and values. They hold the API key and must not be logged.
    ///   - mostBytes: Of the answer's body.
    ///   - timeout: To the end of the answer.
    ///   - goesOn: Asked several times a second; `false` breaks the request off, which is thrown as `interrupted`.
    /// - Throws: `OpenAITransportError`.
    func post(
        _ url: String, headers: [(String, String)], body: [UInt8], mostBytes: Int, timeout: Duration,
        goesOn: () -> Bool
    ) throws(OpenAITransportError) -> OpenAIResponse
}

public struct OpenAIResponse: Sendable {
    public var status: Int
    /// The header `Retry-After`.
    public var retryAfter: String?
    public var body: [UInt8]

    public init(status: Int, retryAfter: String? = nil, body: [UInt8]) {
        self.status = status
        self.retryAfter = retryAfter
        self.body = body
    }
}

public enum OpenAITransportError: Error, Sendable, Equatable {
    /// There was no connection, so nothing was asked.
    case notConnected(reason: String)
    /// The answer didn't arrive whole. The service may have done the work, and may charge for it.
    case interrupted(reason: String)
    /// The answer's body is longer than allowed.
    case tooLarge
}

/// HTTP/1.1 or 2 over TCP or TLS.
public struct HTTPTransport: OpenAITransport {
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration.singletonConfiguration
        configuration.redirectConfiguration = .disallow
        // A compressed answer could grow beyond any limit of its size on the way.
        configuration.decompression = .disabled
        configuration.timeout.connect = .seconds(10)
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
    }()

    public init() {}

    public func post(
        _ url: String, headers: [(String, String)], body: [UInt8], mostBytes: Int, timeout: Duration,
        goesOn: () -> Bool
    ) throws(OpenAITransportError) -> OpenAIResponse {
        let response: HTTPClient.Response
        do {
            let request = try HTTPClient.Request(
                url: url, method: .POST, headers: HTTPHeaders(headers), body: .bytes(body))
            let task = Self.client.execute(
                request: request, delegate: ResponseAccumulator(request: request, maxBodySize: mostBytes),
                deadline: .now() + TimeAmount(timeout))
            let ended = DispatchSemaphore(value: 0)
            task.futureResult.whenComplete { _ in ended.signal() }
            while ended.wait(timeout: .now() + .milliseconds(200)) == .timedOut {
                if !goesOn() { task.cancel() }
            }
            response = try task.futureResult.wait()
        } catch let error as HTTPClientError where error == .connectTimeout {
            throw .notConnected(reason: "no connection within 10 s")
        } catch is NIOConnectionError {
            throw .notConnected(reason: "no connection")
        } catch let error as IOError where [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH].contains(error.errnoCode) {
            throw .notConnected(reason: "no connection")
        } catch is ResponseAccumulator.ResponseTooBigError {
            throw .tooLarge
        } catch let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout {
            throw .interrupted(reason: "no answer within \(timeout.wholeSeconds) s")
        } catch {
            // Descriptions of these errors name kinds and error numbers, no headers.
            throw .interrupted(reason: "the connection failed (\(error))")
        }
        return OpenAIResponse(
            status: Int(response.status.code), retryAfter: response.headers.first(name: "retry-after"),
            body: response.body.map { Array($0.readableBytesView) } ?? [])
    }
}
