import CVectorKernels
import Glibc
import Testing

struct SelectionTests {
    @Test func scalarIsAlwaysThere() throws {
        let table = try #require(tvk_kernels_for(TVK_LEVEL_SCALAR))
        #expect(table.pointee.level == TVK_LEVEL_SCALAR)
    }

    @Test func tablesNameTheirLevel() {
        for level in Level.available { #expect(level.kernels.pointee.level == level.level) }
        #expect(Set(Level.available.map(\.testDescription)).count == Level.available.count)
    }

    @Test func bestIsForcedOrFastest() {
        let best = tvk_kernels_best()
        #expect(best == tvk_kernels_best())
        let forced = getenv("TRENDEX_SIMD_LEVEL").map { String(cString: $0) }
        if let forced, let level = Level.available.first(where: { $0.testDescription == forced }) {
            #expect(best.pointee.level == level.level)
        } else {
            let order = [TVK_LEVEL_AVX512, TVK_LEVEL_AVX2, TVK_LEVEL_NEON, TVK_LEVEL_SCALAR]
            let fastest = order.first { level in Level.available.contains { $0.level == level } }
            #expect(best.pointee.level == fastest)
        }
    }
}
