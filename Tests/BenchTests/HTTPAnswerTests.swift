import Bench
import Testing

@Suite struct HTTPAnswerTests {
    private func parse(_ text: String) throws -> HTTPAnswer? {
        try Array(text.utf8).withUnsafeBytes { try HTTPAnswer($0) }
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "hello"),
        ("HTTP/1.0 404 Not Found\r\ndate: x\r\nCONTENT-LENGTH:12\r\nx: content-length: 3\r\n\r\n", "{\"a\": [1,2]}"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ""),
    ])
    func isReadOnceItIsWhole(head: String, body: String) throws {
        let text = head + body
        for end in text.indices { #expect(try parse(String(text[..<end])) == nil) }
        // What follows belongs to the next answer.
        for rest in ["", "HTTP/1.1 200 OK\r\n"] {
            let answer = try #require(try parse(text + rest))
            #expect(answer.body == Array(body.utf8) && answer.length == text.utf8.count)
            #expect(answer.status == (head.contains("404") ? 404 : 200))
        }
    }

    @Test func chunksAreJoined() throws {
        let text =
            "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3;name=x\r\nabc\r\n0A\r\n0123456789\r\n0\r\na: b\r\n\r\n"
        // A line feed and a carriage return are one character.
        let bytes = Array(text.utf8)
        for end in bytes.indices { #expect(try bytes[..<end].withUnsafeBytes { try HTTPAnswer($0) } == nil) }
        let answer = try #require(try parse(text + "HTTP/1.1"))
        #expect(answer.body == Array("abc0123456789".utf8) && answer.length == bytes.count)
    }

    @Test func noContentNeedsNoLength() throws {
        #expect(try parse("HTTP/1.1 204 No Content\r\n\r\n")?.body == [])
    }

    @Test(arguments: [
        ("SSH-2.0-OpenSSH\r\n\r\n", "not HTTP"), ("HTTP/1.1 OK 200\r\n\r\n", "not HTTP"),
        ("HTTP/1.1 200 OK\r\n\r\n", "no length"), ("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "no length"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", "malformed chunk"),
    ])
    func othersAreRefused(text: String, why: String) {
        #expect(refusal { try parse(text) }.contains(why))
    }
}
