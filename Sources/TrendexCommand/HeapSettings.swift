import Foundation

/// How the C library's heap treats what is freed.
enum HeapSettings {
    private typealias MallocOption = @convention(c) (Int32, Int32) -> Int32
    // Of glibc's malloc.h, which no Swift module has.
    private static let trimThreshold: Int32 = -1
    private static let mmapThreshold: Int32 = -3

    /// Gives large blocks pages of their own, which go back to the system when they are freed. By default the size from which
    /// on that holds grows up to 32 MiB with what is freed, and after nine answers of 144 MB that nobody took 500 MB stayed
    /// with the process. With 8 MiB 180 MB stay after nine of about that size, with 1 MiB 170; but then the pages of each upload
    /// of a few megabytes are made anew, and upserts of 100 × 768 numbers came to 0.8 to 0.9 of their rate. Without effect where the
    /// library has no such options.
    static func returnLargeBlocks() {
        guard let symbol = dlsym(nil, "mallopt") else { return }
        let set = unsafeBitCast(symbol, to: MallocOption.self)
        _ = set(mmapThreshold, 8 << 20)
        _ = set(trimThreshold, 16 << 20)
    }
}
