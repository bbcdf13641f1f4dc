import Foundation

/// Everything by which two runs of the same engine can differ: files, clocks, random numbers and threads.
///
/// The engine reaches them through this value alone. So a test can run a whole engine on one thread, over a disk in memory,
/// from one seed, and get the same bytes again.
package struct Environment: Sendable {
    package var files: any FileSystem
    /// The name of the SQLite VFS that reaches the same files as `files`; `nil` for SQLite's own, which reaches the system's.
    package var databaseVFS: String?
    package var time: any TimeSource
    package var seeds: any SeedSource
    package var executor: any Executor

    package init(
        files: any FileSystem = PosixFileSystem(), databaseVFS: String? = nil, time: any TimeSource = SystemTime(),
        seeds: any SeedSource = SystemSeeds(), executor: any Executor = ThreadExecutor()
    ) {
        self.files = files
        self.databaseVFS = databaseVFS
        self.time = time
        self.seeds = seeds
        self.executor = executor
    }

    /// 32 hex digits that no other call returns.
    func uniqueName() -> String {
        [seeds.next(), seeds.next()].map { withUnsafeBytes(of: $0.bigEndian, \.hex) }.joined()
    }

    /// What SQLite is to open for the database at a path: the path, or a URI that names the VFS.
    func databaseName(_ path: String) -> String {
        guard let databaseVFS else { return path }
        let allowed = CharacterSet(charactersIn: "/-._~").union(.alphanumerics)
        return "file:\(path.addingPercentEncoding(withAllowedCharacters: allowed) ?? path)?vfs=\(databaseVFS)"
    }
}

/// Where seeds of random numbers come from. Any thread may ask.
package protocol SeedSource: Sendable {
    func next() -> UInt64
}

/// The system's random numbers.
package struct SystemSeeds: SeedSource {
    package init() {}
    package func next() -> UInt64 { .random(in: 0...UInt64.max) }
}
