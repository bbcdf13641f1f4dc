import JSON
import Testing

@Suite struct ByteStringTests {
    private let composed = "caf\u{E9}"
    private let decomposed = "cafe\u{301}"

    @Test func equalOnlyByteByByte() {
        #expect(composed == decomposed, "the point of the type")
        #expect(ByteString(composed) != ByteString(decomposed))
        #expect(ByteString(composed) == ByteString("caf" + "\u{E9}"))
        #expect(Set([composed, decomposed].map { ByteString($0) }).count == 2)
        let long = String(repeating: "x", count: 100)
        #expect(ByteString(long) == ByteString(String(repeating: "x", count: 100)))
        #expect(ByteString(long + "a") != ByteString(long + "b"))
        #expect(ByteString("") == ByteString(String()))
        #expect(ByteString("") != ByteString("\0"))
    }

    @Test func sortsByBytes() {
        #expect(
            ["z", composed, decomposed, "", "a"].map { ByteString($0) }.sorted().map(\.string.utf8.count) == [
                0, 1, 6, 5, 1,
            ])
    }

    @Test func keysAndStringsOfJSONAreApart() throws {
        let text = "{\"\(composed)\":1,\"\(decomposed)\":2,\"s\":[\"\(composed)\",\"\(decomposed)\"]}"
        var value = try JSONValue(parsing: Array(text.utf8))
        #expect(value.serialized() == Array(text.utf8))
        #expect(value[composed] == 1)
        #expect(value[decomposed] == 2)
        #expect(value["s"]?[0] != value["s"]?[1])
        #expect(Set(value["s"]?.arrayValue ?? []).count == 2)
        value[decomposed] = nil
        #expect(value[composed] == 1)
        #expect(value.objectValue?.count == 2)
        #expect(JSONValue.object([ByteString(composed): 1]) != JSONValue.object([ByteString(decomposed): 1]))
    }
}
