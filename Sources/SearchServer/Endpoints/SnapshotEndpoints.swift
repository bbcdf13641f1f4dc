import Hummingbird
import JSON
import NIOCore
import SearchEngine
import Services

/// Snapshots of a collection and of the whole storage.
extension Endpoints {
    static let snapshots: [Endpoint] =
        ofStorageOrCollection("/snapshots", collection: { _ in nil })
        + ofStorageOrCollection("/collections/{name}/snapshots", collection: { $0.collection }) + [
            .row(
                .POST, "/collections/{name}/snapshots/upload", SnapshotOperations.restore, body: .stream,
                work: .streaming { call, request in try await upload(call, request) }),
            .row(
                .PUT, "/collections/{name}/snapshots/recover", SnapshotOperations.restore, body: .json,
                work: .asynchronous { call in try await recover(call) }),
        ]

    /// - Parameter collection: whose snapshots a request is about; `nil` for the storage's.
    private static func ofStorageOrCollection(
        _ path: String, collection: @escaping @Sendable (Call) -> String?
    ) -> [Endpoint] {
        let named: @Sendable (Call) -> SnapshotOperations.Named = { call in
            .init(collection(call), call.parameters.last ?? "")
        }
        return [
            .row(
                .GET, path, SnapshotOperations.list,
                work: .long { call in
                    let snapshots = try call.ask(SnapshotOperations.list, collection(call))
                    return call.result { writer in
                        writer.array { writer in
                            for snapshot in snapshots { writer.write(snapshot, withChecksum: call.readsChecksums) }
                        }
                    }
                }),
            .row(
                .POST, path, SnapshotOperations.create,
                work: .asynchronous { call in
                    let caller = try call.caller()
                    return try await create(call) {
                        try call.ask(SnapshotOperations.create, collection(call), by: caller)
                    }
                }),
            .row(
                .GET, path + "/{snapshot}", SnapshotOperations.path,
                work: .streaming { call, _ in
                    let caller = try call.caller()
                    return try await download(call, named(call).name) {
                        try call.ask(SnapshotOperations.path, named(call), by: caller)
                    }
                }),
            .row(
                .DELETE, path + "/{snapshot}", SnapshotOperations.delete,
                work: .asynchronous { call in
                    let caller = try call.caller()
                    return try await remove(call) {
                        try call.ask(SnapshotOperations.delete, named(call), by: caller)
                    }
                }),
        ]
    }

    /// Answers 202 at once, if the client does not wait; the work goes on, and its failure is logged.
    private static func unlessWaiting(
        _ call: Call, _ what: String, _ work: @escaping @Sendable () async throws -> Reply
    ) async throws -> Reply {
        guard try call.query.wait(default: true) else {
            Task {
                do {
                    _ = try await work()
                } catch {
                    call.service.logger.error("\(what) failed", metadata: ["error": "\(APIError(any: error).message)"])
                }
            }
            return .accepted(since: call.start)
        }
        // A task of its own, so that a client that goes away does not stop it halfway.
        return try await Task { try await work() }.value
    }

    private static func create(
        _ call: Call, _ work: @escaping @Sendable () throws -> SnapshotDescription
    ) async throws -> Reply {
        try await unlessWaiting(call, "creating a snapshot") {
            let snapshot = try await call.service.workers.long(work)
            return call.result { $0.write(snapshot, withChecksum: call.readsChecksums) }
        }
    }

    private static func remove(_ call: Call, _ work: @escaping @Sendable () throws -> Void) async throws -> Reply {
        try await unlessWaiting(call, "deleting a snapshot") {
            try await call.service.workers.long(work)
            return call.success()
        }
    }

    // MARK: Download

    private static let readSize = 1 << 19

    private static func download(
        _ call: Call, _ name: String, _ path: @escaping @Sendable () throws -> String
    ) async throws -> Reply {
        let workers = call.service.workers
        let (file, size) = try await workers.long {
            let file = try LocalFile.openForReading(path())
            return (file, try file.size())
        }
        // Exactly what was announced, even if the file should change.
        let body = ResponseBody(contentLength: size) { writer in
            var remaining = size
            while remaining > 0 {
                let wanted = min(remaining, readSize)
                let bytes = try await workers.long { try file.read(upTo: wanted) }
                guard !bytes.isEmpty else {
                    throw ServiceError(.failed, "a snapshot became shorter")
                }
                remaining -= bytes.count
                try await writer.write(ByteBuffer(bytes: bytes))
            }
            try await writer.finish(nil)
        }
        let quotable = name.filter { $0.isASCII && $0 != "\"" && $0 != "\\" && !$0.isNewline }
        return Reply(
            headers: [
                "content-type": "application/octet-stream",
                "content-disposition": "attachment; filename=\"\(quotable)\"",
            ], body: .stream(body))
    }

    // MARK: Recovery

    private static func upload(_ call: Call, _ request: Request) async throws -> Reply {
        try call.query.validatePriority()
        let checksum = call.query["checksum"]
        // Answers bad parameters before a body of gigabytes is read.
        _ = try call.query.wait(default: true)
        let file = try await SnapshotIntake(service: call.service).receiveUpload(request)
        return try await unlessWaiting(call, "recovering an uploaded snapshot") {
            try await restore(call, file, checksum, isTemporary: true)
        }
    }

    private static func recover(_ call: Call) async throws -> Reply {
        let recovery = try await call.service.workers.compute { try call.fields().snapshotRecovery() }
        return try await unlessWaiting(call, "recovering a snapshot") {
            let (file, isTemporary) = try await SnapshotIntake(service: call.service).fetch(recovery)
            return try await restore(call, file, recovery.checksum, isTemporary: isTemporary)
        }
    }

    private static func restore(
        _ call: Call, _ file: String, _ checksum: String?, isTemporary: Bool
    ) async throws -> Reply {
        let caller = try call.caller()
        try await call.service.workers.long {
            defer { if isTemporary { LocalFile.remove(file) } }
            try call.ask(
                SnapshotOperations.restore, .init(call.collection, file: file, checksum: checksum), by: caller)
        }
        return call.success()
    }
}

extension Call {
    /// The Python client of the 1.7 generation refuses descriptions with a checksum, which came later. It is told by the
    /// name of its HTTP library, under which it and the next few versions call; newer ones give their own name.
    fileprivate var readsChecksums: Bool { headers.first(name: "user-agent")?.hasPrefix("python-httpx/") != true }
}
