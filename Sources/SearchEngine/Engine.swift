import Logging

/// How an engine is opened.
public struct EngineConfiguration: Sendable {
    public enum Durability: String, Sendable {
        /// An acknowledged write is synced to disk.
        case full
        /// An acknowledged write survives a killed process, not a power loss.
        case normal
    }
    public var storagePath: String
    public var snapshotsPath: String
    public var durability: Durability = .full
    /// Threads that link points into graphs; 0 means one a core.
    public var indexingThreads: Int = 0
    /// Bytes that payload indexes made on first use may take.
    public var implicitIndexBudgetBytes: Int = 512 << 20

    public init(storagePath: String, snapshotsPath: String) {
        self.storagePath = storagePath
        self.snapshotsPath = snapshotsPath
    }
}
