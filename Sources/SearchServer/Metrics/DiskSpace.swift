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
        free = Int(space.f_bavail) * Int(space.f_frsize)
        size = Int(space.f_blocks) * Int(space.f_frsize)
    }
}
