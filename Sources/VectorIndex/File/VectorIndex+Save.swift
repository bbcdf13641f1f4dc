import Quantization
import Synchronization

extension VectorIndex {
    /// Of fewer linked slots a file holds neither codes nor graph.
    private static let smallestSavedCount = 64

    /// Writes the codec, and the codes and links of the linked slots (without a graph: of the encoded ones), to an
    /// empty file. Any thread; linkers and searches go on meanwhile. Links to slots that were linked after the start are
    /// left out.
    ///
    /// The header comes last, so that a file is no index file before it is whole.
    ///
    /// - Throws: what the sink throws.
    /// - Complexity: O(slots · (code bytes + m)).
    public func save(to sink: any IndexByteSink) throws {
        let writer = SectionWriter(sink)
        let (codes, graph, slots, trainedCount): (CodeStore?, Graph?, Int, Int) = state.withLock { state in
            // A graph that is about to be replaced doesn't go with the codes any more.
            let links = state.successor ?? state.links
            let slots = parameters.effectiveM == 0 ? state.encodedCount : links.linked
            guard state.isBuilt else { return (nil, nil, 0, 0) }
            // The first slots may be linked through newer ones alone; without those they would not hang together.
            if links.graph != nil && slots < Self.smallestSavedCount { return (nil, nil, 0, 0) }
            return (state.codes, links.graph, slots, state.trainedCount)
        }
        var header = IndexFileHeader(parameters)
        // The header's place; it is written last, when the hashes are known.
        try [UInt8](repeating: 0, count: IndexFileHeader.byteCount).withUnsafeBytes { try writer.append($0) }
        _ = writer.endSection()
        func end(_ section: IndexFileHeader.Section) { header.hashes[section.rawValue] = writer.endSection() }
        header.slots = UInt64(slots)
        header.trainedCount = UInt64(trainedCount)
        let codec = codes?.codec.serialized() ?? []
        header.codecBytes = UInt64(codec.count)
        try codec.withUnsafeBytes { try writer.append($0) }
        end(.codec)
        let reducer = codes?.principal?.quantizer.serialized() ?? []
        header.reducerBytes = UInt64(reducer.count)
        try reducer.withUnsafeBytes { try writer.append($0) }
        end(.reducer)
        if let codes {
            header.codeBytes = UInt32(codes.codeBytes)
            try writer.append(UnsafeRawBufferPointer(start: codes.codes, count: slots * codes.codeBytes))
        }
        end(.codes)
        if let reduced = codes?.principal {
            header.reducedCodeBytes = UInt64(reduced.quantizer.codeBytes)
            try writer.append(UnsafeRawBufferPointer(start: reduced.codes, count: slots * reduced.quantizer.codeBytes))
        }
        end(.reducedCodes)
        if let codes { try writer.append(UnsafeRawBufferPointer(start: codes.terms, count: slots * 4)) }
        end(.terms)
        if let scales = codes?.scales {
            header.scaleBytes = UInt64(slots * 4)
            try writer.append(UnsafeRawBufferPointer(start: scales, count: slots * 4))
        }
        end(.scales)
        let image = graph.map { GraphImage(graph: $0, slots: slots) }
        try image?.writeBaseLinks(writer)
        end(.baseLinks)
        header.upperBytes = try image?.writeUpperLevels(writer) ?? 0
        end(.upperLevels)
        let entryPoints = (graph?.entries.all ?? []).filter { $0 < slots }
        header.entryCount = UInt64(entryPoints.count)
        try entryPoints.withUnsafeBytes { try writer.append($0) }
        end(.entryPoints)
        header.entry = image?.entry() ?? .max
        try writer.finish(header: header.encoded())
    }
}

/// A graph as of its first `slots` slots: links beyond them are left out.
struct GraphImage {
    let graph: Graph
    let slots: Int

    /// 2m links a slot, sentinels last.
    func writeBaseLinks(_ writer: SectionWriter) throws {
        let links = graph.links(level: 0)
        var block = [UInt32](repeating: 0, count: links.degree)
        for slot in 0..<UInt32(slots) {
            copy(slot, links, to: &block)
            try append(block, to: writer)
        }
    }

    /// For each slot with upper levels, in ascending order: slot, level, then m links for each level from 1 up. Returns
    /// the number of bytes.
    func writeUpperLevels(_ writer: SectionWriter) throws -> UInt64 {
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
    func entry() -> UInt64 {
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
