import Embedding
import JSON
import Logging
import OpenAI
import Testing

/// The key stays secret, and settings without meaning are refused.
@Suite struct OpenAISettingsTests {
    private let time = FakeTime()
    private let log = KeptLog()

    private func embedder(
        _ transport: ScriptedTransport, _ change: (inout OpenAIEmbeddingConfiguration) -> Void = { _ in }
    ) throws -> OpenAIEmbedder {
        try OpenAIEmbedder(
            configuration(change), transport: transport, environment: time.environment(), logger: log.logger)
    }

    @Test func theKeyShowsNowhere() throws {
        let key = try APIKey(secret)
        var dumped = ""
        dump(key, to: &dumped)
        dump(try configuration(), to: &dumped)
        for text in ["\(key)", String(reflecting: key), "\(try configuration())", dumped] {
            #expect(!text.contains("very-secret"))
        }
        // A service that repeats the key, across the place where long reasons are cut.
        let message = String(repeating: "x", count: 285) + "key \(secret) is wrong\n"
        for status in [401, 503] {
            let transport = ScriptedTransport([
                ScriptedTransport.status(status, body: #"{"error": {"message": \#(JSONValue.string(message).text)}}"#)
            ])
            do {
                _ = try embedder(transport).embed(["solar"], deadline: time.now + .seconds(1_000))
                Issue.record("The text was embedded")
            } catch {
                #expect(!"\(error)".contains("sk-very") && "\(error)".contains("[API key"), "\(error)")
                #expect(!"\(error)".contains("\n"))
            }
        }
        #expect(!log.text.isEmpty && !log.text.contains("sk-very"))
        for wrong in ["", "a b", "a\r\nx: y", "ключ", String(repeating: "x", count: 5_000)] {
            #expect(throws: OpenAIError.self) { try APIKey(wrong) }
        }
    }

    @Test func settingsWithoutMeaningAreRefused() throws {
        let changes: [(inout OpenAIEmbeddingConfiguration) -> Void] = [
            { $0.service.endpoint = "" }, { $0.service.endpoint = "api.openai.com" },
            { $0.service.endpoint = "ftp://host/" },
            { $0.service.endpoint = "http://" },
            { $0.service.endpoint = "http://user:password@host/" }, { $0.service.endpoint = "http://host/#x" },
            { $0.model = "" },
            { $0.dimensions = 0 }, { $0.dimensions = 65_537 }, { $0.mostTextsOfRequest = 0 },
            { $0.mostTextsOfRequest = 2_049 }, { $0.mostBytesOfRequest = 0 }, { $0.longestText = 0 },
            { $0.service.attempts = 0 }, { $0.service.attempts = 21 }, { $0.service.timeout = .zero },
            { $0.service.timeout = .seconds(4_000) },
            { $0.service.firstPause = .zero }, { $0.service.firstPause = .seconds(31) },
            { $0.service.longestPause = .seconds(4_000) },
            { $0.service.requestsPerMinute = 0 }, { $0.service.tokensPerMinute = -1 },
            { $0.dollarsPerMillionTokens = -1 },
            { $0.dollarsPerMillionTokens = .nan }, { $0.service.dollarsPerDay = -0.01 },
            { $0.service.dollarsPerDay = .infinity },
        ]
        for (index, change) in changes.enumerated() {
            do {
                _ = try embedder(ScriptedTransport([ScriptedTransport.right]), change)
                Issue.record("change \(index) was accepted")
            } catch EmbeddingError.invalidConfiguration(let reason) {
                #expect(!reason.contains("password@"), "\(reason)")
            }
        }
    }
}

extension JSONValue {
    var text: String { String(decoding: serialized(), as: UTF8.self) }
}
