import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import SearchEngine
import ServiceLifecycle
import Synchronization
import UnixSignals

/// Serves Qdrant's HTTP API over an engine.
public final class TrendexServer: Sendable {
    private let context: ServerContext
    private let configuration: ServerConfiguration
    private let logger: Logger
    /// While it runs.
    private let group = Mutex<ServiceGroup?>(nil)

    /// The caller opens the engine, and closes it after `run` has ended. Throws `EngineError.storage` for trends of a newer
    /// program.
    public init(engine: Engine, configuration: ServerConfiguration, logger: Logger) async throws {
        self.configuration = configuration
        self.logger = logger
        context = try await ServerContext(engine: engine, configuration: configuration, logger: logger)
    }

    /// Serves until one of `signals` comes or `stop` is called; then takes no more connections, finishes the requests
    /// in flight (as long as the configuration gives them), and returns. To be called once.
    ///
    /// `onReady` is called with the port once connections are accepted. Throws `ServerError.cannotBind` if the address
    /// can't be had.
    public func run(
        signals: [UnixSignal] = [.sigterm, .sigint], onReady: @escaping @Sendable (Int) async -> Void
    ) async throws {
        var quiet = logger
        // The framework's own lines; the server tells what matters.
        quiet.logLevel = max(logger.logLevel, .warning)
        if logger.logLevel <= .debug { quiet.logLevel = logger.logLevel }
        let application = Application(
            responder: StreamResponder(service: context),
            server: HTTPServerBuilder { [context] in ConnectionChannel(service: context, responder: $0) },
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), backlog: 4096,
                availableConnectionsDelegate: MaximumAvailableConnections(
                    context.connections.most + ConnectionLimit.mostRefused)),
            onServerRunning: { channel in await onReady(channel.localAddress?.port ?? 0) },
            logger: quiet)
        var groupConfiguration = ServiceGroupConfiguration(
            services: [.init(service: application), .init(service: StopNotice(context: context))],
            gracefulShutdownSignals: signals, logger: quiet)
        groupConfiguration.maximumGracefulShutdownDuration = .seconds(configuration.shutdownTimeoutSeconds)
        let group = ServiceGroup(configuration: groupConfiguration)
        self.group.withLock { $0 = group }
        let result: Result<Void, any Error>
        do {
            try await group.run()
            result = .success(())
        } catch {
            result = .failure(error)
        }
        self.group.withLock { $0 = nil }
        await context.shutdown()
        do {
            try result.get()
        } catch let error as IOError {
            throw ServerError.cannotBind(host: configuration.host, port: configuration.port, reason: error.bindFailure)
        } catch  where error is SocketAddressError || error is SocketAddressError.UnknownHost {
            throw ServerError.cannotBind(
                host: configuration.host, port: configuration.port, reason: "the host is not known")
        }
    }

    /// Makes `run` finish the requests in flight and return.
    public func stop() async {
        await group.withLock { $0 }?.triggerGracefulShutdown()
    }
}

public enum ServerError: Error, CustomStringConvertible, Equatable {
    case cannotBind(host: String, port: Int, reason: String)

    public var description: String {
        switch self {
        case .cannotBind(let host, let port, let reason): "Cannot listen on \(host):\(port): \(reason)."
        }
    }
}

extension IOError {
    fileprivate var bindFailure: String {
        switch errnoCode {
        case EADDRINUSE: "the port is already in use, perhaps by another server; choose another with --port"
        case EACCES: "the port needs rights that this user does not have; choose one above 1023"
        case EADDRNOTAVAIL: "no network interface of this machine has the address"
        default: "\(self)"
        }
    }
}
