import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Asks a running server whether it is ready.
public enum HealthClient {
    /// Of an answer that is somebody else's.
    private static let mostBytes = 64 << 10

    /// Returns when `GET /readyz` answers 200. Throws `SnapshotClient.Failure`, a sentence, in any other case, and when no
    /// answer comes in time.
    ///
    /// - Parameters:
    ///   - url: the server's, such as `http://localhost:6333`.
    ///   - seconds: how long an answer may take, the connection included.
    public static func check(url: String, seconds: Int) async throws {
        let base = url.hasSuffix("/") ? String(url.dropLast()) : url
        let response: HTTPClientResponse
        do {
            response = try await SnapshotClient.client.execute(
                HTTPClientRequest(url: base + "/readyz"), timeout: .seconds(Int64(seconds)))
        } catch  where SnapshotClient.isRefused(error) {
            throw SnapshotClient.Failure(description: "\(base) is not ready: nothing listens there.")
        } catch let error as HTTPClientError where error == .deadlineExceeded || error == .connectTimeout {
            throw SnapshotClient.Failure(description: "\(base) is not ready: no answer within \(seconds) seconds.")
        } catch {
            throw SnapshotClient.Failure(description: "\(base) is not ready: \(error)")
        }
        guard response.status == .ok else {
            throw SnapshotClient.Failure(description: "\(base) is not ready: it answers \(response.status.code).")
        }
        // So that the connection ends in order.
        _ = try? await response.body.collect(upTo: mostBytes)
    }
}
