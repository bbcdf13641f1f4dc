#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads `multipart/form-data` (RFC 7578) as it comes in, in memory of the size of a chunk, however large a part is.
package struct MultipartParser: Sendable {
    package enum Event: Sendable, Equatable {
        /// A part begins; its header fields with names in lowercase.
        case part(headers: [String: String])
        /// The next bytes of the part that began last.
        case data([UInt8])
        /// That part is complete.
        case endOfPart
    }

    package enum Failure: Error, Equatable, CustomStringConvertible {
        case noBoundary
        case malformed(String)

        package var description: String {
            switch self {
            case .noBoundary: "the content type has no valid multipart boundary"
            case .malformed(let what): "malformed multipart body: \(what)"
            }
        }
    }

    private enum State {
        case preamble, headers, data, afterBoundary, finished
    }

    /// What may stand before the first boundary, and in a part's header.
    private static let maximumHeaderBytes = 16 * 1024

    /// `\r\n--boundary`
    private let delimiter: [UInt8]
    private var state = State.preamble
    /// Bytes not told of yet. Begins with a line break that the first boundary lacks.
    private var pending = Array("\r\n".utf8)

    /// `contentType` is the request's header: `multipart/form-data; boundary=…`.
    package init(contentType: String) throws {
        guard let boundary = Self.boundary(of: contentType) else { throw Failure.noBoundary }
        delimiter = Array("\r\n--\(boundary)".utf8)
    }

    package var isFinished: Bool { state == .finished }

    private static func boundary(of contentType: String) -> String? {
        let parts = contentType.split(separator: ";").map { $0.drop { $0 == " " } }
        guard parts.first?.lowercased().hasPrefix("multipart/form-data") == true,
            let parameter = parts.dropFirst().first(where: { $0.lowercased().hasPrefix("boundary=") })
        else { return nil }
        var value = parameter.dropFirst("boundary=".count)
        while value.last == " " { value = value.dropLast() }
        if value.count >= 2, value.first == "\"", value.last == "\"" { value = value.dropFirst().dropLast() }
        let isValid = (1...70).contains(value.utf8.count) && value.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
        return isValid ? String(value) : nil
    }

    /// Takes the next bytes, and reports what they complete.
    package mutating func feed(_ bytes: some Sequence<UInt8>, _ report: (Event) throws -> Void) throws {
        pending.append(contentsOf: bytes)
        var position = 0
        while try step(&position, report) {}
        pending.removeFirst(position)
    }

    /// Throws if the body ended before its last boundary.
    package func finish() throws {
        guard isFinished else { throw Failure.malformed("it ends before the closing boundary") }
    }

    /// Answers whether there may be more to tell of what is pending.
    private mutating func step(_ position: inout Int, _ report: (Event) throws -> Void) throws -> Bool {
        switch state {
        case .preamble:
            guard let end = find(delimiter, from: position) else {
                guard pending.count - position < Self.maximumHeaderBytes else {
                    throw Failure.malformed("no boundary at its beginning")
                }
                return false
            }
            position = end + delimiter.count
            state = .afterBoundary
        case .afterBoundary:
            guard pending.count - position >= 2 else { return false }
            let next = (pending[position], pending[position + 1])
            position += 2
            if next == (UInt8(ascii: "-"), UInt8(ascii: "-")) {
                state = .finished
            } else if next == (0x0D, 0x0A) {
                state = .headers
            } else {
                throw Failure.malformed("unexpected bytes after a boundary")
            }
        case .headers:
            // A part without a header begins with the empty line at once.
            if pending.count - position >= 2, pending[position] == 0x0D, pending[position + 1] == 0x0A {
                position += 2
                state = .data
                try report(.part(headers: [:]))
                return true
            }
            guard let end = find([0x0D, 0x0A, 0x0D, 0x0A], from: position) else {
                guard pending.count - position < Self.maximumHeaderBytes else {
                    throw Failure.malformed("a part's header is too long")
                }
                return false
            }
            let headers = try Self.headers(pending[position..<end])
            position = end + 4
            state = .data
            try report(.part(headers: headers))
        case .data: return try readData(&position, report)
        case .finished:
            // What follows the closing boundary means nothing.
            position = pending.count
            return false
        }
        return true
    }

    private mutating func readData(_ position: inout Int, _ report: (Event) throws -> Void) throws -> Bool {
        if let end = find(delimiter, from: position) {
            if end > position { try report(.data(Array(pending[position..<end]))) }
            try report(.endOfPart)
            position = end + delimiter.count
            state = .afterBoundary
            return true
        }
        // The last bytes may be the beginning of a delimiter.
        let certain = max(position, pending.count - delimiter.count + 1)
        if certain > position { try report(.data(Array(pending[position..<certain]))) }
        position = certain
        return false
    }

    private static func headers(_ bytes: ArraySlice<UInt8>) throws -> [String: String] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure.malformed("a part's header is no UTF-8")
        }
        var headers: [String: String] = [:]
        for line in text.split(separator: "\r\n") {
            guard let colon = line.firstIndex(of: ":") else {
                throw Failure.malformed("a header line without a colon")
            }
            headers[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        return headers
    }

    private func find(_ pattern: [UInt8], from start: Int) -> Int? {
        pending.withUnsafeBytes { bytes -> Int? in
            guard let base = bytes.baseAddress, let first = pattern.first else { return nil }
            var position = start
            while bytes.count - position >= pattern.count {
                // Patterns begin with a carriage return, which is rare; the C library finds it fast.
                let candidates = bytes.count - position - pattern.count + 1
                guard let found = memchr(base + position, Int32(first), candidates) else { return nil }
                position = UnsafeRawPointer(found) - base
                if pattern.indices.allSatisfy({ bytes[position + $0] == pattern[$0] }) { return position }
                position += 1
            }
            return nil
        }
    }
}

/// The `name` of a part's `Content-Disposition`: `form-data; name="snapshot"; filename="…"`.
package func formFieldName(_ disposition: String) -> String? {
    for parameter in disposition.split(separator: ";") {
        let parameter = parameter.drop { $0 == " " }
        guard parameter.hasPrefix("name=") else { continue }
        var value = parameter.dropFirst("name=".count)
        if value.count >= 2, value.first == "\"", value.last == "\"" { value = value.dropFirst().dropLast() }
        return String(value)
    }
    return nil
}
