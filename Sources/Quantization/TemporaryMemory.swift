#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Zeroed memory of a large piece of work, which goes back to the system when the work is done. An allocator may keep
/// megabytes of it for requests to come, and they would be seen as the index's for as long as it lives.
package struct TemporaryMemory<Element: BitwiseCopyable> {
    package let base: UnsafeMutablePointer<Element>
    private let byteCount: Int

    package init(capacity: Int) {
        byteCount = max(capacity, 1) * MemoryLayout<Element>.stride
        #if canImport(Darwin)
            let flags = MAP_PRIVATE | MAP_ANON
        #else
            let flags = MAP_PRIVATE | MAP_ANONYMOUS
        #endif
        guard let address = mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0), address != MAP_FAILED else {
            fatalError("out of memory: \(byteCount) bytes")
        }
        base = address.bindMemory(to: Element.self, capacity: max(capacity, 1))
    }

    package func deallocate() { munmap(base, byteCount) }
}
