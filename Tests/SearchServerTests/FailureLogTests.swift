import HTTPTypes
import SearchServer
import Testing

@Suite struct FailureLogTests {
    private static let diskFull = HTTPResponse.Status(code: 507, reasonPhrase: "")

    @Test func aFailureThatRepeatsGetsALineASecond() {
        var log = FailureLog()
        let start = ContinuousClock.now
        #expect(log.admit(.serviceUnavailable, at: start) == 0)
        for _ in 0..<5 { #expect(log.admit(.serviceUnavailable, at: start + .milliseconds(500)) == nil) }
        // Each status for itself.
        #expect(log.admit(Self.diskFull, at: start + .milliseconds(500)) == 0)
        #expect(log.admit(Self.diskFull, at: start + .milliseconds(600)) == nil)
        #expect(log.admit(.serviceUnavailable, at: start + .seconds(1)) == 5)
        #expect(log.admit(.serviceUnavailable, at: start + .seconds(2)) == 0)
        #expect(log.admit(Self.diskFull, at: start + .seconds(2)) == 1)
    }

    @Test func aFailureOfTheServerIsAlwaysTold() {
        var log = FailureLog()
        let start = ContinuousClock.now
        for _ in 0..<5 { #expect(log.admit(.internalServerError, at: start) == 0) }
    }
}
