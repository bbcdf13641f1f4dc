import Synchronization

extension VectorIndex {
    /// The graph of this moment, to be written later; `nil` without a graph, or with one of few slots. Copies nothing.
    ///
    /// Every slot that is live now and that the image covers has its links. What is removed, linked or trained between now
    /// and the writing changes nothing about that, which it would if the writing took the graph of its own moment: a point
    /// that is removed before it is linked never gets links.
    public func graphImage() -> GraphImage? {
        state.withLock { state in
            // A graph that is about to be replaced was linked by codes that were too coarse.
            let links = state.successor ?? state.links
            guard let graph = links.graph, links.linked >= Self.smallestSavedCount else { return nil }
            return GraphImage(
                parameters: parameters, graph: graph, slots: links.linked, checkedSlots: links.reach.covered)
        }
    }
}

/// A graph as of its first `slots` slots: links beyond them are left out.
public struct GraphImage: Sendable {
    let parameters: IndexParameters
    let graph: Graph
    let slots: Int
    /// The oldest of them that the last check had in front of it.
    let checkedSlots: Int

    /// Bytes that it takes when it is written, at most.
    public var mostBytes: Int {
        slots * Graph.reserveBytes(m: graph.m) + IndexFileHeader.byteCount + 4 * SlotList.capacity
    }

    static let sections: [IndexFileHeader.Section] = [.baseLinks, .upperLevels, .entryPoints]

    /// Writes the graph to an empty file, in the form of an index that keeps no codes. Any thread; linkers and searches go on
    /// meanwhile.
    ///
    /// - Throws: what the sink throws.
    /// - Complexity: O(slots · m).
    public func write(to sink: any IndexByteSink) throws {
        var bare = parameters
        bare.codec = .none
        var header = IndexFileHeader(bare)
        header.slots = UInt64(slots)
        let writer = SectionWriter(sink)
        try writer.leaveRoomForHeader()
        for section in IndexFileHeader.Section.allCases where !Self.sections.contains(section) {
            header.hashes[section.rawValue] = writer.endSection()
        }
        try writeSections(writer, &header)
        try writer.finish(header: header.encoded())
    }

    /// Writes the graph's sections, and notes their sizes and hashes in the header.
    func writeSections(_ writer: SectionWriter, _ header: inout IndexFileHeader) throws {
        func end(_ section: IndexFileHeader.Section) { header.hashes[section.rawValue] = writer.endSection() }
        try writeBaseLinks(writer)
        end(.baseLinks)
        header.upperBytes = try writeUpperLevels(writer)
        end(.upperLevels)
        let entryPoints = graph.entries.all.filter { $0 < slots }
        header.entryCount = UInt64(entryPoints.count)
        try entryPoints.withUnsafeBytes { try writer.append($0) }
        end(.entryPoints)
        header.entry = entry()
        header.checkedSlots = UInt64(min(checkedSlots, slots))
    }

    /// 2m links a slot, sentinels last.
    private func writeBaseLinks(_ writer: SectionWriter) throws {
        let links = graph.links(level: 0)
        var block = [UInt32](repeating: 0, count: links.degree)
        for slot in 0..<UInt32(slots) {
            copy(slot, links, to: &block)
            try append(block, to: writer)
        }
    }

    /// For each slot with upper levels, in ascending order: slot, level, then m links for each level from 1 up. Returns
    /// the number of bytes.
    private func writeUpperLevels(_ writer: SectionWriter) throws -> UInt64 {
        var words: UInt64 = 0
        var block = [UInt32](repeating: 0, count: graph.m)
        for slot in 0..<UInt32(slots) {
            let level = graph.level(slot)
            if level == 0 { continue }
            try append([slot, UInt32(level)], to: writer)
            for at in 1...level {
                copy(slot, graph.links(level: at), to: &block)
                try append(block, to: writer)
            }
            words += UInt64(2 + level * graph.m)
        }
        return words * 4
    }

    /// The entry point, or if it is newer than this image the first of its highest slots.
    private func entry() -> UInt64 {
        let current = graph.entry.load(ordering: .acquiring)
        if current == .max || slots == 0 { return .max }
        if Graph.entrySlot(current) < slots { return current }
        var best: UInt64?
        for slot in 0..<UInt32(slots) {
            let level = graph.level(slot)
            if let best, level <= Graph.entryLevel(best) { continue }
            // A slot that was dead before it could be linked has no links.
            if level == 0, graph.links(level: 0).list(slot)?[0].load(ordering: .relaxed) == Graph.sentinel { continue }
            best = Graph.entryWord(level, slot)
        }
        return best ?? .max
    }

    private func copy(_ slot: UInt32, _ links: LevelLinks, to block: inout [UInt32]) {
        var count = 0
        if let list = links.list(slot) {
            for i in 0..<links.degree {
                let link = list[i].load(ordering: .acquiring)
                if link == Graph.sentinel { break }
                // A list under revision may show a link twice.
                if link < slots, !block[0..<count].contains(link) {
                    block[count] = link
                    count += 1
                }
            }
        }
        for i in count..<links.degree { block[i] = Graph.sentinel }
    }

    private func append(_ words: [UInt32], to writer: SectionWriter) throws {
        // Files are little-endian, as every machine that this runs on is.
        try words.withUnsafeBytes { try writer.append($0) }
    }
}
