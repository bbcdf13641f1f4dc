import Foundation

/// One keep-alive HTTP/1.1 connection with blocking calls.
///
/// Made for measuring: a request is a block of bytes prepared before, and a call costs two system calls and a copy, so
/// that on a machine shared with the server next to nothing of the time is the client's.
final class HTTPConnection {
    struct Response {
        var status: Int
        var body: [UInt8]
    }

    private let descriptor: Int32
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)
    /// Bytes of `buffer` that are filled and not used yet.
    private var filled = 0

    /// Throws `BenchError` when nobody listens.
    init(_ endpoint: HTTPEndpoint) throws {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(endpoint.host, String(endpoint.port), &hints, &found) == 0, let first = found else {
            throw BenchError("\(endpoint.host): unknown host")
        }
        defer { freeaddrinfo(found) }
        var connected: Int32 = -1
        var candidate: UnsafeMutablePointer<addrinfo>? = first
        while let address = candidate, connected < 0 {
            let info = address.pointee
            let attempt = socket(info.ai_family, info.ai_socktype, info.ai_protocol)
            if attempt >= 0 {
                if connect(attempt, info.ai_addr, info.ai_addrlen) == 0 { connected = attempt } else { close(attempt) }
            }
            candidate = info.ai_next
        }
        guard connected >= 0 else {
            throw BenchError("\(endpoint): can't connect: \(String(cString: strerror(errno)))")
        }
        var on: Int32 = 1
        setsockopt(connected, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        var patience = timeval(tv_sec: 600, tv_usec: 0)
        setsockopt(connected, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        descriptor = connected
    }

    deinit { close(descriptor) }

    /// Sends a whole request and waits for the whole answer. Throws `BenchError` when the connection breaks.
    func send(_ request: [UInt8]) throws -> Response {
        var sent = 0
        while sent < request.count {
            let count = request.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw BenchError("sending failed: \(String(cString: strerror(errno)))") }
            sent += count
        }
        return try receive()
    }

    private func receive() throws -> Response {
        var headEnd = findHeadEnd(from: 0)
        while headEnd == nil {
            let searched = max(0, filled - 3)
            try fill()
            headEnd = findHeadEnd(from: searched)
        }
        let end = headEnd!
        let head = String(decoding: buffer[..<end], as: UTF8.self)
        let lines = head.split(separator: "\r\n")
        let parts = lines.first?.split(separator: " ") ?? []
        guard parts.count >= 2, parts[0].hasPrefix("HTTP/1."), let status = Int(parts[1]) else {
            throw BenchError("the answer is not HTTP: \(head.prefix(80))")
        }
        func field(_ name: String) -> Substring? {
            for line in lines.dropFirst() {
                guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name else { continue }
                return line[line.index(after: colon)...].drop { $0 == " " }
            }
            return nil
        }
        consume(end + 4)
        if field("transfer-encoding")?.lowercased() == "chunked" {
            return Response(status: status, body: try receiveChunks())
        }
        guard let length = field("content-length").flatMap({ Int($0) }) ?? (status == 204 ? 0 : nil), length >= 0 else {
            throw BenchError("the answer has no length")
        }
        return Response(status: status, body: try take(length))
    }

    private func receiveChunks() throws -> [UInt8] {
        var body: [UInt8] = []
        while true {
            let line = try takeLine()
            guard let length = Int(line.split(separator: ";").first ?? "", radix: 16), length >= 0 else {
                throw BenchError("the answer has a malformed chunk")
            }
            body += try take(length)
            if length > 0 {
                _ = try takeLine()
            } else {
                while try !takeLine().isEmpty {}
                return body
            }
        }
    }

    private func takeLine() throws -> String {
        while true {
            if let end = buffer[..<filled].firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: buffer[..<end].filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
                consume(end + 1)
                return line
            }
            try fill()
        }
    }

    private func take(_ count: Int) throws -> [UInt8] {
        while filled < count { try fill() }
        let bytes = Array(buffer[..<count])
        consume(count)
        return bytes
    }

    private func findHeadEnd(from start: Int) -> Int? {
        guard filled >= 4 else { return nil }
        return buffer.withUnsafeBufferPointer { bytes in
            (start..<max(start, filled - 3)).first {
                bytes[$0] == 13 && bytes[$0 + 1] == 10 && bytes[$0 + 2] == 13 && bytes[$0 + 3] == 10
            }
        }
    }

    private func consume(_ count: Int) {
        filled -= count
        guard filled > 0 else { return }
        buffer.withUnsafeMutableBytes { $0.baseAddress!.copyMemory(from: $0.baseAddress! + count, byteCount: filled) }
    }

    private func fill() throws {
        if filled == buffer.count { buffer.append(contentsOf: repeatElement(0, count: buffer.count)) }
        while true {
            let count = buffer.withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress! + filled, $0.count - filled, 0)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                throw BenchError(
                    count == 0 ? "the server closed the connection" : "receiving: \(String(cString: strerror(errno)))")
            }
            filled += count
            return
        }
    }
}
