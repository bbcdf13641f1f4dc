import Foundation

/// The disk that a folder lies on.
struct DiskSpace {
    /// Bytes that the process may still write; less than what is unused where a part is set aside for the system.
    let free: Int
    /// Bytes of the whole disk.
    let size: Int

    /// `nil` where the system doesn't tell.
    init?(of path: String) {
        var space = statvfs()
        guard statvfs(path, &space) == 0 else { return nil }
        free = Self.bytes(UInt64(space.f_bavail), UInt64(space.f_frsize))
        size = Self.bytes(UInt64(space.f_blocks), UInt64(space.f_frsize))
    }

    /// Some file systems tell more than there can be.
    private static func bytes(_ blocks: UInt64, _ size: UInt64) -> Int {
        let (product, overflow) = blocks.multipliedReportingOverflow(by: size)
        return overflow ? .max : Int(clamping: product)
    }
}
