import Foundation
import Logging
import Quantization
import SearchEngine

extension ServerConfiguration {
    /// What the line that tells of the start says beside its message: where the server is, where its data are, and what an
    /// operator should look at first.
    public func startMetadata(url: String) -> Logger.Metadata {
        func isSet(_ key: String?) -> Logger.MetadataValue { .stringConvertible(key?.isEmpty == false) }
        return [
            "url": "\(url)", "version": "\(ServerVersion.trendex)", "storage": "\(absolute(engine.storagePath))",
            "snapshots": "\(absolute(engine.snapshotsPath))", "instruction_set": "\(Kernels.levelName)",
            "durability": "\(engine.durability.rawValue)",
            "api_key": isSet(apiKey), "read_only_api_key": isSet(readOnlyAPIKey),
            "compute_threads": .stringConvertible(computeThreads),
        ]
    }

    private func absolute(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }
}
