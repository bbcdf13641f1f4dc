import AsyncHTTPClient
import Foundation
import Hummingbird
import NIOCore
import Services

/// Brings snapshots from elsewhere into the engine's temporary folder, as streams.
struct SnapshotIntake: Sendable {
    let service: ServerContext

    /// Bytes that are gathered before they are written.
    private static let writeSize = 1 << 20

    /// The file of the form's `snapshot` part. The caller removes it.
    func receiveUpload(_ request: Request) async throws -> String {
        var parser: MultipartParser
        do {
            parser = try MultipartParser(contentType: request.headers[.contentType] ?? "")
        } catch {
            throw APIError(.badRequest, "Multipart error: \(error)")
        }
        return try await intoTemporaryFile { writer in
            var isSnapshot = false
            var found = false
            for try await chunk in request.body {
                var gathered: [UInt8] = []
                do {
                    try parser.feed(chunk.readableBytesView) { event in
                        switch event {
                        case .part(let headers):
                            let name = headers["content-disposition"].flatMap(formFieldName)
                            isSnapshot = name == "snapshot" && !found
                            if isSnapshot { found = true }
                        case .data(let bytes): if isSnapshot { gathered += bytes }
                        case .endOfPart: isSnapshot = false
                        }
                    }
                } catch {
                    throw APIError(.badRequest, "Multipart error: \(error)")
                }
                try await writer.write(gathered)
            }
            do { try parser.finish() } catch { throw APIError(.badRequest, "Multipart error: \(error)") }
            guard found else { throw APIError(.badRequest, "Multipart error: field `snapshot` is missing") }
        }
    }

    /// The file behind a location. `isTemporary` tells that the caller removes it.
    func fetch(_ recovery: SnapshotRecovery) async throws -> (path: String, isTemporary: Bool) {
        let location = recovery.location
        if location.lowercased().hasPrefix("file://") {
            // `file://host/path` names another machine, unless the host is empty or this one.
            var path = location.dropFirst("file://".count)
            if path.hasPrefix("localhost/") { path = path.dropFirst("localhost".count) }
            guard path.hasPrefix("/"), let decoded = percentDecoded(path.utf8, plusIsSpace: false),
                !decoded.utf8.contains(0)
            else { throw ServiceError.invalid("Invalid snapshot URI, file path must be absolute: \(location)") }
            guard try await service.workers.long({ LocalFile.isReadableFile(decoded) }) else {
                throw APIError(.badRequest, "Bad request: Snapshot file \"\(decoded)\" does not exist")
            }
            return (decoded, false)
        }
        guard location.lowercased().hasPrefix("http://") || location.lowercased().hasPrefix("https://") else {
            throw ServiceError.invalid(
                "URI `\(location.prefix(200))` is not supported, use file://, http:// or https://")
        }
        return (try await download(location, apiKey: recovery.apiKey), true)
    }

    private static let maximumRedirects = 5

    /// The answer behind all redirects. The key goes to where it was given for, and nowhere else.
    private func request(_ location: String, apiKey: String?) async throws -> HTTPClientResponse {
        func failed(_ why: String) -> APIError {
            APIError(.badRequest, "Bad request: Failed to download snapshot from \(location): \(why)")
        }
        var target = location
        var apiKey = apiKey
        for _ in 0...Self.maximumRedirects {
            var request = HTTPClientRequest(url: target)
            if let apiKey { request.headers.add(name: "api-key", value: apiKey) }
            let response: HTTPClientResponse
            do {
                response = try await service.httpClient.execute(request, timeout: .hours(24))
            } catch {
                throw failed("\(error)")
            }
            guard [301, 302, 303, 307, 308].contains(response.status.code),
                let reference = response.headers.first(name: "location")
            else { return response }
            guard let old = URL(string: target), let new = URL(string: reference, relativeTo: old)?.absoluteURL,
                let scheme = new.scheme?.lowercased(), ["http", "https"].contains(scheme)
            else { throw failed("it redirects to \(reference.prefix(200))") }
            if old.origin != new.origin { apiKey = nil }
            target = new.absoluteString
        }
        throw failed("it redirects more than \(Self.maximumRedirects) times")
    }

    private func download(_ location: String, apiKey: String?) async throws -> String {
        let response = try await request(location, apiKey: apiKey)
        guard response.status == .ok else {
            throw APIError(
                .badRequest,
                "Bad request: Failed to download snapshot from \(location): status \(response.status.code)")
        }
        return try await intoTemporaryFile { writer in
            do {
                for try await chunk in response.body { try await writer.write(Array(chunk.readableBytesView)) }
            } catch let error as APIError {
                throw error
            } catch {
                throw APIError(.badRequest, "Bad request: Failed to download snapshot from \(location): \(error)")
            }
        }
    }

    // MARK: Writing

    private func intoTemporaryFile(_ body: (inout BufferedFile) async throws -> Void) async throws -> String {
        let path = service.engine.temporaryPath + "/incoming-\(randomHexadecimal(bytes: 8)).snapshot"
        let file = try await service.workers.long { try LocalFile.create(path) }
        do {
            var writer = BufferedFile(file: file, workers: service.workers, size: Self.writeSize)
            try await body(&writer)
            try await writer.flush()
            return path
        } catch {
            try? await service.workers.long { LocalFile.remove(path) }
            throw error
        }
    }

    /// Gathers small writes, so that each hop to a thread is worth it.
    private struct BufferedFile {
        let file: LocalFile
        let workers: Workers
        let size: Int
        private var gathered: [UInt8] = []

        init(file: LocalFile, workers: Workers, size: Int) {
            self.file = file
            self.workers = workers
            self.size = size
        }

        mutating func write(_ bytes: [UInt8]) async throws {
            gathered += bytes
            if gathered.count >= size { try await flush() }
        }

        mutating func flush() async throws {
            let bytes = gathered
            gathered = []
            guard !bytes.isEmpty else { return }
            try await workers.long { [file] in try file.write(bytes) }
        }
    }
}

extension URL {
    /// Scheme, host and port.
    fileprivate var origin: [String] {
        let scheme = scheme?.lowercased() ?? ""
        return [scheme, host()?.lowercased() ?? "", "\(port ?? (scheme == "https" ? 443 : 80))"]
    }
}
