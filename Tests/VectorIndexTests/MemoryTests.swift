import Foundation
import Quantization
import Testing
import VectorIndex

/// What indexes tell of their memory.
@Suite struct MemoryTests {
    @Test func pagesCountOnceTheyAreTouched() throws {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        // More than one question to the kernel takes.
        let bytes = 20_000 * page
        let memory = try #require(
            mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))
        defer { munmap(memory, bytes) }
        // Small pages, as far as the system can be asked.
        madvise(memory, bytes, Int32(MADV_NOHUGEPAGE))
        #expect(residentPages(of: memory, count: bytes) == 0)
        for touched in [0, 1, 16_383, 16_384, 19_999] {
            memory.storeBytes(of: 1, toByteOffset: touched * page, as: UInt8.self)
        }
        #expect(residentPages(of: memory, count: bytes) == 5 * page)
        #expect(residentPages(of: memory, count: page) == page)
        #expect(residentPages(of: memory, count: 0) == 0)
    }

    @Test func partsGrowWithTheSlots() {
        let dimensions = 64
        let parameters = IndexParameters(dimensions: dimensions, metric: .cosine)
        var vectors = ClusteredVectors(parameters, clusters: 20, seed: Seed.value)
        let rows = Rows(parameters, capacity: 6000)
        for _ in 0..<6000 { rows.append(vectors.next()) }
        let index = VectorIndex(parameters)
        index.publish(rows: rows.matrix, count: 500, absent: [])
        index.drain()
        #expect(index.memory.codes == 0 && index.memory.links == 0 && index.memory.reducedCodes == 0)
        #expect((8...4096).contains(index.memory.liveSlots))
        var last = 0
        for count in [3000, 6000] {
            index.publish(rows: rows.matrix, count: count, absent: [])
            index.drain()
            let memory = index.memory
            // No huge pages yet; each region ends in the middle of a page.
            let slack = 1 << 20
            #expect((count * (dimensions + 4)...count * (dimensions + 4) + slack).contains(memory.codes))
            #expect((count * 132...count * 145 + slack).contains(memory.links))
            #expect(memory.liveSlots >= count / 8)
            #expect(memory.total > last)
            last = memory.total
        }
    }
}
