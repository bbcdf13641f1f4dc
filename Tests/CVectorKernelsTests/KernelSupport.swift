import CVectorKernels
import Glibc
import Testing

/// A level that this CPU has, and its name in a failure's text.
struct Level: Sendable, CustomTestStringConvertible {
    let level: tvk_level
    var kernels: UnsafePointer<tvk_kernels> { tvk_kernels_for(level)! }
    var testDescription: String { String(cString: tvk_level_name(level)) }

    static let available: [Level] = [TVK_LEVEL_SCALAR, TVK_LEVEL_AVX2, TVK_LEVEL_AVX512, TVK_LEVEL_NEON]
        .filter { tvk_kernels_for($0) != nil }.map { Level(level: $0) }
}

/// Every length that is tested: all tails of every register width, and long ones.
let lengths = Array(0...257) + [768, 1024, 65_536]

/// Memory whose first element sits `offset` elements past a 64-byte boundary and whose end lies against a page that can't
/// be touched, so that a kernel that reads or writes past the end crashes instead of passing.
final class Guarded<Element> {
    let pointer: UnsafeMutablePointer<Element>
    private let mapping: UnsafeMutableRawPointer
    private let mappedBytes: Int

    init(count: Int, fill: (Int) -> Element) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let bytes = count * MemoryLayout<Element>.stride
        mappedBytes = (bytes + page - 1) / page * page + page
        mapping = mmap(nil, mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        mprotect(mapping + (mappedBytes - page), page, PROT_NONE)
        pointer = (mapping + (mappedBytes - page - bytes)).bindMemory(to: Element.self, capacity: count)
        for i in 0..<count { (pointer + i).initialize(to: fill(i)) }
    }

    deinit { munmap(mapping, mappedBytes) }
}
