import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import NIOHTTP1

/// What a handler answers: a status and a body, before the server adds the headers that every response has.
struct Reply: Sendable {
    var status: HTTPResponse.Status = .ok
    var headers: HTTPHeaders = [:]
    var body: Body

    enum Body: Sendable {
        case bytes([UInt8])
        /// Only for work of the kind `streaming`.
        case stream(ResponseBody)

        /// All of it; nothing of a stream.
        var bytes: [UInt8] {
            if case .bytes(let bytes) = self { bytes } else { [] }
        }

        var responseBody: ResponseBody {
            switch self {
            case .bytes(let bytes): ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
            case .stream(let body): body
            }
        }
    }

    static func bytes(_ bytes: [UInt8], contentType: String, status: HTTPResponse.Status = .ok) -> Reply {
        Reply(status: status, headers: ["content-type": contentType], body: .bytes(bytes))
    }

    static func text(_ text: String, status: HTTPResponse.Status = .ok) -> Reply {
        .bytes(Array(text.utf8), contentType: "text/plain; charset=utf-8", status: status)
    }

    /// JSON without the envelope.
    static func json(_ status: HTTPResponse.Status = .ok, _ write: (inout JSONWriter) throws -> Void) rethrows -> Reply
    {
        var writer = JSONWriter(capacity: 1024)
        try write(&writer)
        return .bytes(writer.bytes, contentType: "application/json", status: status)
    }

    /// `{"result": …, "status": "ok", "time": …}`, and `"explain": …` where somebody asked for it; `write` writes the
    /// result's value.
    static func result(
        since start: ContinuousClock.Instant, explained: Explanations? = nil,
        _ write: (inout JSONWriter) throws -> Void
    ) rethrows -> Reply {
        try .json { writer in
            writer.beginObject()
            writer.key("result")
            try write(&writer)
            writer.key("status")
            writer.write("ok")
            writer.key("time")
            writer.write(start.secondsSince)
            if let explained {
                writer.key("explain")
                writer.write(explained)
            }
            writer.endObject()
        }
    }

    /// `{"result": true, …}`, what most changes answer.
    static func success(since start: ContinuousClock.Instant, _ value: Bool = true) -> Reply {
        .result(since: start) { $0.write(value) }
    }

    /// 202 for work that goes on in the background, because the client does not wait.
    static func accepted(since start: ContinuousClock.Instant) -> Reply {
        .json(.accepted) { writer in
            writer.beginObject()
            writer.key("status")
            writer.write("accepted")
            writer.key("time")
            writer.write(start.secondsSince)
            writer.endObject()
        }
    }

    /// `{"success": true, "data": …}`, the envelope of the trend API; `meta` writes the members of its `meta`, where there is
    /// one.
    static func success(
        status: HTTPResponse.Status = .ok, meta: ((inout JSONWriter) -> Void)? = nil,
        _ data: (inout JSONWriter) throws -> Void
    ) rethrows -> Reply {
        try .json(status) { writer in
            writer.beginObject()
            writer.key("success")
            writer.write(true)
            writer.key("data")
            try data(&writer)
            if let meta {
                writer.key("meta")
                writer.object(meta)
            }
            writer.endObject()
        }
    }

    /// `{"success": false, "error": {"code": …, "message": …, "details": [{"field": …, "message": …}], "request_id": …}}`
    static func failed(_ error: APIError, request: String) -> Reply {
        .json(error.status) { writer in
            writer.object { writer in
                writer.key("success")
                writer.write(false)
                writer.key("error")
                writer.writeError(error, request: request)
            }
        }
    }

    /// `{"status": {"error": …}, "time": …}`
    static func failure(_ error: APIError, since start: ContinuousClock.Instant) -> Reply {
        if error.isPlainText { return .text(error.message, status: error.status) }
        return .json(error.status) { writer in
            writer.beginObject()
            writer.key("status")
            writer.object { writer in
                writer.key("error")
                writer.write(error.message)
            }
            writer.key("time")
            writer.write(start.secondsSince)
            writer.endObject()
        }
    }
}

extension JSONWriter {
    /// An error as the trend API tells it.
    ///
    /// - Parameter request: the id of the request that failed; `nil` for an error of a part of it.
    mutating func writeError(_ error: APIError, request: String? = nil) {
        object { writer in
            writer.key("code")
            writer.write(error.code)
            writer.key("message")
            writer.write(error.sentence)
            writer.key("details")
            writer.array { writer in
                for problem in error.problems {
                    writer.object { writer in
                        writer.key("field")
                        writer.write(problem.field)
                        writer.key("message")
                        writer.write(problem.reason)
                    }
                }
            }
            if let request {
                writer.key("request_id")
                writer.write(request)
            }
        }
    }
}

extension ContinuousClock.Instant {
    /// Seconds from this instant to now.
    var secondsSince: Double { (ContinuousClock.now - self).seconds }
}

extension Duration {
    /// To the nanosecond; one division, so that the shortest text is short.
    var seconds: Double {
        let (seconds, attoseconds) = components
        return (Double(seconds) * 1e9 + Double(attoseconds / 1_000_000_000)) / 1e9
    }
}
