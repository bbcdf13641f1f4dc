import JSON

/// The server itself: liveness, version, metrics, and what a single node says of its cluster.
extension Endpoints {
    static let service: [Endpoint] = [
        .get(
            "/", access: .open,
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
        .get("/healthz", access: .open, .immediate { _ in .text("healthz check passed") }),
        .get("/livez", access: .open, .immediate { _ in .text("livez check passed") }),
        // The engine recovers before the socket opens, so that who can ask is answered.
        .get("/readyz", access: .open, .immediate { _ in .text("all shards are ready") }),
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
        .delete("/issues", .immediate { call in call.success() }),
        .get("/locks", .immediate { call in lockReply(call, call.service.writeLock.current) }),
        .post("/locks", access: .write, .compute { call in try setLock(call) }),
    ]

    private static func setLock(_ call: Call) throws -> Reply {
        let fields = try call.fields()
        guard let isLocked = try fields.bool("write") else { throw fields.missing("write") }
        let state = WriteLock.State(isLocked: isLocked, message: try fields.string("error_message"))
        return lockReply(call, call.service.writeLock.set(state))
    }

    private static func lockReply(_ call: Call, _ state: WriteLock.State) -> Reply {
        call.result { writer in
            writer.object { writer in
                writer.key("error_message")
                writer.write(optional: state.message)
                writer.key("write")
                writer.write(state.isLocked)
            }
        }
    }
}
