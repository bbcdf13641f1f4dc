import SearchServer
import TestSupport
import Testing

@Suite struct MultipartTests {
    /// Parts as a parser tells of them, each with its whole content.
    private func parse(_ body: [UInt8], chunks: [Int], type: String = "multipart/form-data; boundary=b0") throws
        -> [(headers: [String: String], content: [UInt8])]
    {
        var parser = try MultipartParser(contentType: type)
        var parts: [(headers: [String: String], content: [UInt8])] = []
        var isOpen = false
        var position = 0
        var next = 0
        while position < body.count {
            let end = min(body.count, position + max(1, chunks[next % chunks.count]))
            next += 1
            try parser.feed(body[position..<end]) { event in
                switch event {
                case .part(let headers):
                    #expect(!isOpen)
                    isOpen = true
                    parts.append((headers, []))
                case .data(let bytes):
                    #expect(isOpen)
                    parts[parts.count - 1].content += bytes
                case .endOfPart:
                    #expect(isOpen)
                    isOpen = false
                }
            }
            position = end
        }
        try parser.finish()
        return parts
    }

    /// However a body is cut into chunks, its parts come out as they went in, also those that look like boundaries.
    @Test func anyChunksGiveTheSameParts() throws {
        var random = SeededGenerator("anyChunksGiveTheSameParts")
        let pieces: [[UInt8]] = ["\r\n", "--", "b0", "\r\n--b", "\r\n--b1", "-", "\r", "\n", "x", "\0"].map {
            Array($0.utf8)
        }
        for _ in 0..<300 {
            var contents: [[UInt8]] = []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                var content: [UInt8] = []
                for _ in 0..<Int.random(in: 0...40, using: &random) {
                    content += pieces.randomElement(using: &random) ?? []
                }
                // The delimiter itself can't be part of a content.
                let text = String(decoding: content, as: UTF8.self)
                contents.append(text.contains("\r\n--b0") || content.starts(with: Array("--b0".utf8)) ? [7] : content)
            }
            var body: [UInt8] = Bool.random(using: &random) ? [] : Array("preamble\r\n".utf8)
            for (index, content) in contents.enumerated() {
                body += Array("--b0\r\nContent-Disposition: form-data; name=\"p\(index)\"\r\nX-Y: z\r\n\r\n".utf8)
                body += content + Array("\r\n".utf8)
            }
            body += Array("--b0--\r\nepilogue".utf8)
            let chunks = (0..<8).map { _ in Int.random(in: 1...30, using: &random) }
            let parts = try parse(body, chunks: chunks)
            #expect(parts.map(\.content) == contents)
            #expect(
                parts.map { $0.headers["content-disposition"].flatMap(formFieldName) }
                    == contents.indices.map { "p\($0)" })
            #expect(parts.allSatisfy { $0.headers["x-y"] == "z" })
        }
    }

    @Test func wrongBodiesAreErrors() {
        for body in [
            "", "--b0", "--b0\r\n", "--b0\r\nA: b", "--b0\r\nno colon\r\n\r\nx\r\n--b0--", "--b0\r\n\r\nopen end",
            "--b0xx\r\n", "nothing at all", "--b0\r\n\r\nx\r\n--b0",
        ] {
            #expect(throws: MultipartParser.Failure.self, "\(body)") {
                var parser = try MultipartParser(contentType: "multipart/form-data; boundary=b0")
                try parser.feed(Array(body.utf8)) { _ in }
                try parser.finish()
            }
        }
        for type in [
            "", "application/json", "multipart/form-data", "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\u{1}", "multipart/mixed; boundary=b",
        ] {
            #expect(throws: MultipartParser.Failure.noBoundary, "\(type)") { try MultipartParser(contentType: type) }
        }
    }

    @Test func headersAndPreamblesAreBounded() throws {
        for body in ["--b0\r\n" + String(repeating: "A: b\r\n", count: 5000), String(repeating: "p", count: 30_000)] {
            var parser = try MultipartParser(contentType: "multipart/form-data; boundary=\"b0\"")
            #expect(throws: MultipartParser.Failure.self) { try parser.feed(Array(body.utf8)) { _ in } }
        }
    }
}
