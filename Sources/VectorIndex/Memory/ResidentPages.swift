#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Bytes of a mapping whose pages are in memory now, as the kernel tells it: those of a file in the page cache, whoever
/// brought them there; anonymous ones that were touched. All of them where the kernel won't tell.
///
/// `start` is where a page begins, and the mapping stays during the call. O(pages), some nanoseconds each.
package func residentPages(of start: UnsafeRawPointer, count: Int) -> Int {
    #if os(Linux)
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        var states = [UInt8](repeating: 0, count: 1 << 14)
        var resident = 0
        var offset = 0
        while offset < count {
            let length = min(count - offset, states.count * page)
            let status = states.withUnsafeMutableBufferPointer {
                mincore(UnsafeMutableRawPointer(mutating: start) + offset, length, $0.baseAddress)
            }
            if status != 0 { return count }
            let pages = (length + page - 1) / page
            resident += states[..<pages].reduce(0) { $0 + Int($1 & 1) }
            offset += length
        }
        return min(resident * page, count)
    #else
        return count
    #endif
}
