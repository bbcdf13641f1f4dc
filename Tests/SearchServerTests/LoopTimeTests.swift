import Foundation
import NIOCore
import SearchEngine
import SearchServer
import Testing

/// What event loops work on themselves, and that nothing else is held up by it.
@Suite struct LoopTimeTests {
    private final class Connection {}
    private let a = Connection()
    private let b = Connection()

    private func at(_ microseconds: UInt64) -> NIODeadline { .uptimeNanoseconds(1_000_000_000 + microseconds * 1000) }

    @Test func whoAsksAloneIsServedByTheLoop() {
        let time = LoopTime()
        for number: UInt64 in 0..<10 {
            #expect(time.mayWork(for: a, at: at(number * 150)))
            time.worked(from: at(number * 150), to: at(number * 150 + 100))
        }
    }

    @Test func severalAreHandedOver() {
        let time = LoopTime()
        #expect(time.mayWork(for: a, at: at(0)))
        #expect(!time.mayWork(for: b, at: at(100)))
        #expect(!time.mayWork(for: a, at: at(200)))
        #expect(!time.mayWork(for: b, at: at(300)))
        // The other one last asked at 200.
        #expect(!time.mayWork(for: b, at: at(1100)))
        #expect(time.mayWork(for: b, at: at(1200)))
        // Seldom enough to be no matter.
        #expect(time.mayWork(for: a, at: at(2200)))
    }

    @Test func whatHeldTheLoopIsPaidFor() {
        let time = LoopTime()
        #expect(time.mayWork(for: a, at: at(0)))
        time.worked(from: at(0), to: at(5000))
        #expect(!time.mayWork(for: a, at: at(5000)))
        #expect(!time.mayWork(for: a, at: at(504_999)))
        #expect(time.mayWork(for: a, at: at(505_000)))
        time.worked(from: at(505_000), to: at(505_900))
        #expect(time.mayWork(for: a, at: at(505_900)))
    }

    /// A search that has to wait for a writer holds up no other, on whichever loop.
    @Test func aSearchThatWaitsHoldsNoLoop() async throws {
        try await withServer({ $0.computeThreads = 4 }) { server in
            for name in ["held", "free"] {
                try await server.ok(.PUT, "/collections/\(name)", #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
                try await server.ok(
                    .PUT, "/collections/\(name)/points?wait=true", #"{"points": [{"id": 1, "vector": [1, 2]}]}"#)
            }
            let body = #"{"vector": [1, 1], "limit": 1}"#
            let head =
                "Host: x\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
            let collection = try server.engine.collection("held")
            let (isHeld, holding) = AsyncStream<Void>.makeStream()
            let release = DispatchSemaphore(value: 0)
            // As a writer does while it publishes.
            Thread.detachNewThread {
                collection.lock.write {
                    holding.finish()
                    release.wait()
                }
            }
            for await _ in isHeld {}
            async let waiting = server.raw("POST /collections/held/points/search HTTP/1.1\r\n" + head + body)
            // New connections go to the loops in turn.
            for _ in 0..<4 * System.coreCount {
                let answer = try await server.raw("POST /collections/free/points/search HTTP/1.1\r\n" + head + body)
                #expect(answer.hasPrefix("HTTP/1.1 200"))
            }
            release.signal()
            #expect(try await waiting.hasPrefix("HTTP/1.1 200"))
        }
    }

    /// Requests that come at once on one connection are all answered, in order, whoever works on them.
    @Test func pipelinedSearchesAreAnsweredInOrder() async throws {
        try await withServer { server in
            try await server.ok(.PUT, "/collections/c", #"{"vectors": {"size": 2, "distance": "Dot"}}"#)
            let points = (0..<20).map { #"{"id": \#($0), "vector": [\#($0), 1]}"# }.joined(separator: ",")
            try await server.ok(.PUT, "/collections/c/points?wait=true", #"{"points": [\#(points)]}"#)
            var requests = ""
            for id in 0..<100 {
                let body = #"{"query": \#(id % 20), "limit": \#(1 + id % 5)}"#
                requests += "POST /collections/c/points/query HTTP/1.1\r\nHost: x\r\n"
                requests += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
            }
            let answers = try await server.raw(requests).split(separator: "HTTP/1.1 ")
            #expect(answers.allSatisfy { $0.hasPrefix("200") })
            #expect(answers.map { $0.matches(of: /"version":/).count } == (0..<100).map { 1 + $0 % 5 })
        }
    }
}
