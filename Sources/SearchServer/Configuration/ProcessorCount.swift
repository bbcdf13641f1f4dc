import NIOCore

enum ProcessorCount {
    /// Cores that the process may use; at least 1.
    static let available = max(1, System.coreCount)
}
