import JSON
import Services

/// The server itself: liveness, version, metrics, and what a single node says of its cluster.
extension Endpoints {
    static let service: [Endpoint] = [
        .get(
            "/", needs: .open,
            .immediate { _ in
                .json { writer in
                    writer.object { writer in
                        writer.key("title")
                        writer.write("qdrant - vector search engine")
                        writer.key("version")
                        writer.write(ServerVersion.api)
                        writer.key("trendex")
                        writer.write(ServerVersion.trendex)
                    }
                }
            }),
        .get("/healthz", needs: .open, .immediate { _ in .text("healthz check passed") }),
        .get("/livez", needs: .open, .immediate { _ in .text("livez check passed") }),
        // The engine recovers before the socket opens: whoever can ask may go on.
        .get("/readyz", needs: .open, .immediate { _ in .text("all shards are ready") }),
        .get("/metrics", .compute { call in try Metrics.reply(call) }),
        .get("/telemetry", .compute { call in try Telemetry.reply(call) }),
        .get(
            "/cluster",
            .immediate { call in
                call.result { writer in
                    writer.object { writer in
                        writer.key("status")
                        writer.write("disabled")
                    }
                }
            }),
        .get(
            "/issues",
            .immediate { call in
                call.result { writer in
                    writer.object { writer in
                        writer.key("issues")
                        writer.array { _ in }
                    }
                }
            }),
        Endpoint(
            method: .DELETE, path: "/issues", requirement: .manage, body: .none,
            work: .immediate { call in call.success() }),
        .row(.GET, "/locks", LockOperations.state, on: .loop, decode: { _ in }) { $1.write($0) },
        .row(.POST, "/locks", LockOperations.set, decode: { try $0.fields().lockState() }) { $1.write($0) },
    ]
}

extension ObjectFields {
    fileprivate func lockState() throws -> LockState {
        guard let isLocked = try bool("write") else { throw missing("write") }
        return LockState(isLocked: isLocked, message: try string("error_message"))
    }
}

extension JSONWriter {
    fileprivate mutating func write(_ state: LockState) {
        object { writer in
            writer.key("error_message")
            writer.write(optional: state.message)
            writer.key("write")
            writer.write(state.isLocked)
        }
    }
}
