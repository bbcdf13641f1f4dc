import Testing
import VectorIndex

/// The lists of a graph when several linkers give the same slot a place.
@Suite struct LinkListTests {
    private static let m = 4
    private static let late: UInt32 = 20

    /// A graph whose slots 0 and 1 link to 2…9, so that each of these has another way in, and 2…9 back to both.
    private static func graph() throws -> (Graph, LevelLinks) {
        let graph = try Graph(m: m, capacity: 32, seed: 1)
        for slot in 0...late { _ = try graph.open(slot, isolated: true) }
        let links = graph.links(level: 0)
        for child in 2..<UInt32(2 + links.degree) {
            for parent in [0, 1] as [UInt32] {
                #expect(graph.append(child, to: parent, links) && graph.append(parent, to: child, links))
            }
        }
        return (graph, links)
    }

    private static func list(_ slot: UInt32, _ links: LevelLinks) -> [UInt32] {
        [UInt32](unsafeUninitializedCapacity: links.degree) { buffer, count in
            guard let base = buffer.baseAddress else { return }
            count = links.copy(slot, to: base)
        }
    }

    /// Both find the list full, and then each overwrites a link.
    @Test func twoThatOverwriteLinksForOneSlotLeaveOneLink() throws {
        let (graph, links) = try Self.graph()
        #expect(!graph.append(Self.late, to: 0, links))
        #expect(graph.replaceLink(by: Self.late, in: 0, links))
        let once = Self.list(0, links)
        #expect(once.count == links.degree && once.contains(Self.late))
        #expect(graph.replaceLink(by: Self.late, in: 0, links))
        #expect(Self.list(0, links) == once)
    }

    /// The list was full when it was looked at, and was revised since.
    @Test func aLinkTakesTheRoomThereIsBeforeItOverwrites() throws {
        let graph = try Graph(m: Self.m, capacity: 32, seed: 1)
        for slot in 0...Self.late { _ = try graph.open(slot, isolated: true) }
        let links = graph.links(level: 0)
        for slot in 2...4 as ClosedRange<UInt32> { #expect(graph.append(slot, to: 10, links)) }
        #expect(graph.replaceLink(by: Self.late, in: 10, links))
        #expect(Self.list(10, links) == [2, 3, 4, Self.late])
    }
}
