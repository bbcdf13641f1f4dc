import Logging
import ServiceLifecycle

/// Tells the log that the server stops, and what it waits for. The last of a group's services is the first that is told.
struct StopNotice: Service {
    let context: ServerContext

    func run() async throws {
        do { try await gracefulShutdown() } catch is CancellationError {
            // The server ended by itself, because it failed.
            return
        }
        let count = context.requestsInFlight.load(ordering: .relaxed)
        context.logger.info(
            "Stopping, \(count) request\(count == 1 ? "" : "s") in flight",
            metadata: [
                "requests": .stringConvertible(count),
                "connections": .stringConvertible(context.connections.openConnections),
                "seconds_at_most": .stringConvertible(context.configuration.shutdownTimeoutSeconds),
            ])
    }
}
