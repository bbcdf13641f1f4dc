import Foundation

/// One keep-alive HTTP/1.1 connection.
///
/// Made for measuring: a request is a block of bytes prepared before, and a call costs two system calls and a copy, so
/// that on a machine shared with the server next to nothing of the time is the client's.
final class HTTPConnection {
    let descriptor: Int32
    private var buffer = [UInt8](repeating: 0, count: 1 << 13)
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
    func send(_ request: [UInt8]) throws -> HTTPAnswer {
        try post(request)
        return try awaitAnswer()
    }

    /// Sends a whole request and leaves the answer for later. Waits while the system takes no more bytes.
    func post(_ request: [UInt8]) throws {
        var sent = 0
        while sent < request.count {
            let count = request.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw BenchError("sending failed: \(String(cString: strerror(errno)))") }
            sent += count
        }
    }

    func awaitAnswer() throws -> HTTPAnswer {
        while true {
            if let answer = try takeAnswer() { return answer }
            try fill(waiting: true)
        }
    }

    /// Takes what has come in. `nil` as long as it is no whole answer.
    func receive() throws -> HTTPAnswer? {
        try fill(waiting: false)
        return try takeAnswer()
    }

    private func takeAnswer() throws -> HTTPAnswer? {
        guard filled > 0,
            let answer = try buffer.withUnsafeBytes({ try HTTPAnswer(UnsafeRawBufferPointer(rebasing: $0[..<filled])) })
        else { return nil }
        filled -= answer.length
        if filled > 0 {
            buffer.withUnsafeMutableBytes {
                $0.baseAddress!.copyMemory(from: $0.baseAddress! + answer.length, byteCount: filled)
            }
        }
        return answer
    }

    private func fill(waiting: Bool) throws {
        if filled == buffer.count { buffer.append(contentsOf: repeatElement(0, count: buffer.count)) }
        while true {
            let count = buffer.withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress! + filled, $0.count - filled, waiting ? 0 : Int32(MSG_DONTWAIT))
            }
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EAGAIN && !waiting { return }
            guard count > 0 else {
                throw BenchError(
                    count == 0 ? "the server closed the connection" : "receiving: \(String(cString: strerror(errno)))")
            }
            filled += count
            return
        }
    }
}
