import JSON
import Testing

@Suite struct JSONReaderTests {
    @Test func readsTypedMembers() throws {
        let text =
            #" {"id": 7, "vector": [1, -2.5, 3e-2], "on": true, "none": null, "te\u0078t": "é\n", "rest": [1, {"a": []}], "n": 1.0} "#
        var seen: [String] = []
        try JSONReader.parse(Array(text.utf8)) { reader in
            try reader.readMembers { reader, key in
                seen.append(key.string)
                switch key {
                case "id": #expect(try reader.readInteger() == 7)
                case "vector":
                    var floats: [Float] = []
                    try reader.readFloats(into: &floats)
                    #expect(floats == [1, -2.5, 0.03])
                case "on": #expect(try reader.readBool())
                case "none": #expect(try reader.readNullIfPresent())
                case "text": #expect(try reader.readString() == "é\n")
                case "n":
                    #expect(try reader.peek() == .number)
                    #expect(try reader.readNullIfPresent() == false)
                    #expect(try reader.readDouble() == 1)
                default:
                    #expect(key == "rest")
                    let raw = try reader.rawValue()
                    #expect(Array(reader.bytes(in: raw)) == Array(#"[1, {"a": []}]"#.utf8))
                }
            }
        }
        #expect(seen == ["id", "vector", "on", "none", "text", "rest", "n"])
    }

    @Test func keysCompareExactly() throws {
        try JSONReader.parse(Array(#"{"key": 1, "k\u0065y": 2}"#.utf8)) { reader in
            try reader.readMembers { reader, key in
                #expect(key == "key")
                #expect(!(key == "ke"))
                #expect(!(key == "keys"))
                #expect(!(key == "kez"))
                try reader.skipValue()
            }
        }
    }

    @Test func integersKeepTheirRange() throws {
        func read<T>(_ text: String, _ body: (inout JSONReader) throws -> T) throws -> T {
            try JSONReader.parse(Array(text.utf8), body)
        }
        #expect(try read("-9223372036854775808") { try $0.readInteger() } == .min)
        #expect(try read("18446744073709551615") { try $0.readUnsigned() } == .max)
        #expect(try read("-0") { try $0.readInteger() } == 0)
        #expect(try read("18446744073709551615") { try $0.readNumber() } == .unsigned(.max))
        for text in ["9223372036854775808", "1.0", "1e3", "-0.0", "\"1\"", "null"] {
            #expect(throws: JSONError.self) { try read(text) { try $0.readInteger() } }
        }
        for text in ["18446744073709551616", "-1", "1.5"] {
            #expect(throws: JSONError.self) { try read(text) { try $0.readUnsigned() } }
        }
    }

    @Test func wrongKindsAreErrors() {
        for text in ["[1,\"2\"]", "[1,null]", "[1e39]", "{}", "[1,[2]]", "[1,]", "[1", "1"] {
            #expect(throws: JSONError.self) {
                var floats: [Float] = []
                try JSONReader.parse(Array(text.utf8)) { try $0.readFloats(into: &floats) }
            }
        }
        #expect(throws: JSONError.self) { try JSONReader.parse(Array("1".utf8)) { try $0.readString() } }
        #expect(throws: JSONError.self) { try JSONReader.parse(Array("\"1\"".utf8)) { try $0.readBool() } }
        #expect(throws: JSONError.self) { try JSONReader.parse(Array("[]".utf8)) { try $0.readObject { _, _ in } } }
        // A body that doesn't read its value is caught.
        #expect(throws: JSONError.self) { try JSONReader.parse(Array("[1]".utf8)) { try $0.readArray { _ in } } }
    }

    @Test func writerPutsCommas() throws {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("a")
            writer.write(Int64.min)
            writer.key("b\"" as String)
            writer.array { writer in
                writer.write(UInt64.max)
                writer.write("\u{1}\n\\é")
                writer.array { _ in }
                writer.object { _ in }
                writer.writeNull()
                writer.write(raw: Array("[1, 2]".utf8))
                writer.write(Float(0.1))
                writer.write(0.1)
                writer.write(Double.infinity)
            }
            writer.key("c")
            writer.write([1, 2.5] as [Float])
            writer.key("d")
            writer.write(false)
        }
        let expected =
            #"{"a":-9223372036854775808,"b\"":[18446744073709551615,"\u0001\n\\é",[],{},null,[1, 2],0.1,0.1,null],"c":[1.0,2.5],"d":false}"#
        #expect(String(decoding: writer.bytes, as: UTF8.self) == expected)
    }

    @Test func valueAccess() {
        var value: JSONValue = ["a": [1, 2.5, "x", true, nil], "big": .unsigned(.max)]
        #expect(value["a"]?[0]?.integerValue == 1)
        #expect(value["a"]?[1]?.doubleValue == 2.5)
        #expect(value["a"]?[2]?.stringValue == "x")
        #expect(value["a"]?[3]?.boolValue == true)
        #expect(value["a"]?[4]?.isNull == true)
        #expect(value["a"]?[5] == nil && value["a"]?[-1] == nil && value["b"] == nil)
        #expect(value["big"]?.unsignedValue == .max && value["big"]?.integerValue == nil)
        value["a"] = nil
        value["c"] = 3
        #expect(value == ["big": .unsigned(.max), "c": 3])
        #expect(JSONValue(1.0).description == "1.0" && JSONValue(1).description == "1")
    }
}
