import JSON
import Logging
import SearchServer
import TestSupport
import Testing

/// Lines of the log that other programs read.
@Suite struct EventLogTests {
    private func line(_ message: String, _ metadata: Logger.Metadata) throws -> JSONValue {
        let bytes = jsonLogLine(.info, message, metadata, label: "trendex", time: "2026-01-01T00:00:00.000Z")
        #expect(!bytes.contains(UInt8(ascii: "\n")) && !bytes.contains(UInt8(ascii: "\r")))
        return try JSONValue(parsing: bytes)
    }

    @Test func aLineIsOneObject() throws {
        let found = try line(
            "ready",
            ["port": .stringConvertible(6_333), "share": .stringConvertible(0.25), "on": .stringConvertible(true)])
        #expect(
            found == [
                "timestamp": "2026-01-01T00:00:00.000Z", "level": "INFO", "message": "ready", "target": "trendex",
                "on": true, "port": 6_333, "share": 0.25,
            ])
    }

    @Test func hostileTextsStayTexts() throws {
        let texts = [
            "a\n{\"level\": \"ERROR\"}", "\r\n", "\"}, {\"x\": \"", "\\", "\u{0}\u{1}\u{1B}[31m", "\u{2028}\u{2029}",
            "й😀", String(repeating: "x", count: 100_000),
        ]
        for text in texts {
            let found = try line(text, [text: .string(text), "list": [.string(text), ["deep": .string(text)]]])
            #expect(found["message"]?.stringValue == text)
            #expect(found[text]?.stringValue == text)
            #expect(found["list"]?[0]?.stringValue == text && found["list"]?[1]?["deep"]?.stringValue == text)
            #expect(found["level"] == "INFO")
        }
        // Metadata can't pass for what every line has.
        let found = try line("m", ["level": "ERROR", "message": "other", "timestamp": "1970", "target": "x"])
        #expect(found["level"] == "INFO" && found["message"] == "m" && found["target"] == "trendex")
        #expect(found["_level"] == "ERROR" && found["_message"] == "other")
        #expect(try line("m", ["n": .stringConvertible(Double.nan)])["n"] == .null)
    }

    /// A batch gets a hundred lines, and one that counts the others.
    @Test func aBatchDoesNotFloodTheLog() async throws {
        let recorder = LogRecorder()
        let time = ManualTime()
        try await withServer(time: time, logger: recorder.logger) { server in
            func ingest(_ count: Int) async throws {
                let trends = (0..<count).map { #"{"title": "T\#($0)", "source": "vk", "deduplicate": false}"# }.joined(
                    separator: ",")
                let answer = try await server.send(.POST, "/api/v1/trends/batch", #"{"trends": [\#(trends)]}"#)
                #expect(answer.status == 201)
            }
            func counted() -> [String?] { recorder.lines(of: "trends_discovered").map { $0["count"] } }
            try await ingest(3_000)
            // In transactions of 500: the first line that counts comes with the first of them, and a second later the next.
            #expect(recorder.lines(of: "trend_discovered").count == 100)
            #expect(counted() == ["400"])
            time.advance(by: .seconds(1))
            try await ingest(1)
            #expect(recorder.lines(of: "trend_discovered").count == 101)
            #expect(counted() == ["400", "2500"])
            time.advance(by: .seconds(60))
            try await ingest(2)
            #expect(recorder.lines(of: "trend_discovered").count == 103)
            #expect(counted() == ["400", "2500"])
        }
        let ids = recorder.lines(of: "trend_discovered").compactMap { $0["trend_id"] }
        #expect(Set(ids).count == 103)
    }
}
