import ArgumentParser
import Foundation
import Logging
import SearchEngine
import SearchServer

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the API until stopped.",
        discussion: """
            The configuration is Qdrant's: config/config.yaml, config/<RUN_MODE>.yaml, config/local.yaml, the file of \
            --config-path, then environment variables such as QDRANT__SERVICE__HTTP_PORT, then the options below, each \
            over the ones before. SIGINT and SIGTERM finish the requests in flight and stop. docs/CONFIGURATION.md \
            tells every key.

            Example: trendex serve --host 127.0.0.1 --port 6333 --storage-path ./storage --snapshots-path ./snapshots
            """)

    @Option(help: ArgumentHelp("A configuration file over the others.", valueName: "file"))
    var configPath: String?

    @Option(help: "The address to listen on. (default: 0.0.0.0)")
    var host: String?

    @Option(help: "The port to listen on; 0 takes a free one. (default: 6333)")
    var port: Int?

    @Option(help: ArgumentHelp("Where the data are kept. (default: ./storage)", valueName: "folder"))
    var storagePath: String?

    @Option(help: ArgumentHelp("Where snapshots are kept. (default: ./snapshots)", valueName: "folder"))
    var snapshotsPath: String?

    @Option(help: "trace, debug, info, warn, error or off. (default: info)")
    var logLevel: String?

    /// For the last lines of the log to be written.
    private static let logTime = Duration.seconds(2)

    func validate() throws {
        if let port, !(0...65_535).contains(port) { throw ValidationError("--port must be from 0 to 65535.") }
        for (name, value) in [
            ("--host", host), ("--storage-path", storagePath), ("--snapshots-path", snapshotsPath),
            ("--config-path", configPath),
        ] where value?.isEmpty == true {
            throw ValidationError("\(name) must not be empty.")
        }
        let levels = ["trace", "debug", "info", "warn", "error", "off"]
        if let logLevel, !levels.contains(logLevel.lowercased()) {
            throw ValidationError("--log-level must be one of \(levels.joined(separator: ", ")), not '\(logLevel)'.")
        }
    }

    func run() async throws {
        HeapSettings.returnLargeBlocks()
        // Options are the last word, so they go in as the environment does.
        var environment = ProcessInfo.processInfo.environment
        for (name, value) in [
            ("QDRANT__SERVICE__HOST", host), ("QDRANT__SERVICE__HTTP_PORT", port.map { "\($0)" }),
            ("QDRANT__STORAGE__STORAGE_PATH", storagePath), ("QDRANT__STORAGE__SNAPSHOTS_PATH", snapshotsPath),
            ("QDRANT__LOG_LEVEL", logLevel),
        ] {
            if let value { environment[name] = value }
        }
        let (configuration, warnings) = try orExit {
            try ServerConfiguration.load(configPath: configPath, environment: environment)
        }
        let (level, format) = (configuration.logLevel, configuration.logFormat)
        LoggingSystem.bootstrap { StandardOutputLog(label: $0, level: level, format: format) }
        defer { LogOutput.standard.flush(within: Self.logTime) }
        let logger = Logger(label: "trendex")
        for warning in warnings { logger.warning("\(warning)") }
        let engine = try orExit { try Engine(configuration: configuration.engine, logger: logger) }
        let server: TrendexServer
        do {
            server = try await TrendexServer(engine: engine, configuration: configuration, logger: logger)
        } catch {
            try? engine.close()
            throw Failure("\(error)")
        }
        let shownHost = ["0.0.0.0", "::", ""].contains(configuration.host) ? "localhost" : configuration.host
        do {
            try await server.run { port in
                let url = "http://\(shownHost):\(port)"
                logger.info(
                    "Trendex \(ServerVersion.trendex) is ready at \(url)",
                    metadata: configuration.startMetadata(url: url))
            }
        } catch {
            try? engine.close()
            throw Failure("\(error)")
        }
        try orExit { try engine.close() }
        logger.info("Stopped; everything is saved.")
    }
}
