import ArgumentParser
import Foundation
import SearchServer

/// For health checks of containers, whose images have no other HTTP client.
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Ask a running server whether it is ready.",
        discussion: """
            Ends with code 0 if it is, and with 1 if it isn't or doesn't answer in time. Prints nothing in the first case. No key \
            is needed.

            Example: trendex health --url http://localhost:6333 --timeout 5
            """)

    @Option(
        help: "The running server. (default: http://localhost and the port of QDRANT__SERVICE__HTTP_PORT, or 6333)")
    var url: String?

    @Option(help: ArgumentHelp("How long to wait for an answer.", valueName: "seconds"))
    var timeout = 5

    func validate() throws {
        if let url { try requireServerURL(url) }
        if !(1...3_600).contains(timeout) { throw ValidationError("--timeout must be from 1 to 3600 seconds.") }
    }

    func run() async throws {
        let port = ProcessInfo.processInfo.environment["QDRANT__SERVICE__HTTP_PORT"].flatMap { UInt16($0) } ?? 6333
        do { try await HealthClient.check(url: url ?? "http://localhost:\(port)", seconds: timeout) } catch {
            throw Failure("\(error)")
        }
    }
}
