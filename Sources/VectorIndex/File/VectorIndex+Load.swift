import Quantization
import Synchronization

extension VectorIndex {
    /// Reads a file that ``save(to:)`` wrote. The caller then publishes all rows with their full count, and removes the
    /// tombstones.
    ///
    /// Everything is checked before it is used: hashes, sizes, every link, level and the entry point.
    ///
    /// - Parameters:
    ///   - parameters: what the index is made for now; the file must have been made for the same.
    ///   - rowCount: committed rows; the file must not cover more.
    ///   - acceptsOtherSettings: whether a file is read that was made with another `m` or `efConstruct`, or with other
    ///     codes; the index then has the file's parameters.
    /// - Throws: ``IndexFileError``, and what the source throws.
    /// - Complexity: O(file bytes).
    public static func load(
        from source: any IndexByteSource, parameters: IndexParameters, rowCount: Int, acceptsOtherSettings: Bool = false
    ) throws -> VectorIndex {
        let reader = try SectionReader(source)
        var bytes = [UInt8](repeating: 0, count: min(IndexFileHeader.byteCount, reader.byteCount))
        _ = try bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { throw IndexFileError.damaged("empty") }
            return try reader.read(base, buffer.count)
        }
        let header = try bytes.withUnsafeBytes { try IndexFileHeader($0) }
        var parameters = parameters
        if !header.fits(IndexFileHeader(parameters)) {
            guard acceptsOtherSettings, let saved = header.parameters(like: parameters) else {
                throw IndexFileError.mismatched("made for other parameters")
            }
            parameters = saved
        }
        let capacities = Self.capacities(parameters, slots: max(rowCount, 0))
        guard header.slots <= UInt64(max(rowCount, 0)), header.slots <= UInt64(min(capacities.codes, capacities.graph))
        else {
            throw IndexFileError.mismatched("it covers \(header.slots) rows, \(rowCount) are there")
        }
        guard header.codecBytes <= 1 << 24, header.reducerBytes <= 1 << 26, header.upperBytes <= 1 << 40,
            header.trainedCount <= 1 << 40, header.checkedSlots <= header.slots,
            header.entryCount <= UInt64(SlotList.capacity),
            header.scaleBytes == 0 || header.scaleBytes == header.slots * 4
        else {
            throw IndexFileError.damaged("a section's size is impossible")
        }
        // Slots and code bytes are bounded by now, so the sum can't overflow.
        guard header.codeBytes <= 1 << 20, header.reducedCodeBytes <= 1 << 20 else {
            throw IndexFileError.damaged("codes of \(header.codeBytes) and \(header.reducedCodeBytes) bytes")
        }
        let size =
            UInt64(IndexFileHeader.byteCount) + header.codecBytes + header.reducerBytes + header.codeSectionBytes
            + header.reducedSectionBytes + header.termSectionBytes + header.scaleBytes + header.baseSectionBytes
            + header.upperBytes + header.entrySectionBytes
        guard size == UInt64(reader.byteCount) else {
            throw IndexFileError.damaged("\(reader.byteCount) bytes instead of \(size)")
        }
        let index = VectorIndex(parameters)
        guard header.codecBytes > 0 || parameters.codec == .none && header.slots > 0 else {
            guard header.slots == 0, header.upperBytes == 0, header.entryCount == 0, header.entry == .max else {
                throw IndexFileError.damaged("codes without a codec")
            }
            return index
        }
        let codes = try readCodes(reader, header, parameters, capacity: capacities.codes)
        let graph = try readGraph(reader, header, parameters, capacity: capacities.graph)
        let slots = Int(header.slots)
        index.state.withLock { state in
            state.codes = codes
            let linked = graph == nil ? 0 : slots
            state.links = LinkProgress(
                graph: graph, nextSlot: linked, linked: linked,
                reach: ReachCheck(covered: min(Int(header.checkedSlots), linked)))
            state.trainedCount = max(Int(header.trainedCount), 1)
        }
        return index
    }

    private static func readCodes(
        _ reader: SectionReader, _ header: IndexFileHeader, _ parameters: IndexParameters, capacity: Int
    ) throws -> CodeStore? {
        guard parameters.codec != .none else {
            guard header.codecBytes == 0, header.reducerBytes == 0, header.codeBytes == 0,
                header.reducedCodeBytes == 0, header.scaleBytes == 0
            else { throw IndexFileError.damaged("codes in an index without codes") }
            for part in [IndexFileHeader.Section.codec, .reducer, .codes, .reducedCodes, .terms, .scales] {
                _ = try section(reader, header, part, 0)
            }
            return nil
        }
        let serialized = try section(reader, header, .codec, Int(header.codecBytes))
        guard let codec = try? parameters.codec.codec(serialized: serialized),
            codec.dimensions == parameters.dimensions, codec.metric == parameters.metric,
            codec.codeBytes == Int(header.codeBytes)
        else { throw IndexFileError.damaged("the codec") }
        let reducer = try readReducer(reader, header, parameters, codec)
        let slots = Int(header.slots)
        do {
            let store = try CodeStore(
                codec: codec, principal: reducer, element: parameters.element, capacity: capacity,
                trainedSlots: slots)
            try store.commit(slots)
            try read(reader, header, .codes, store.codes, Int(header.codeSectionBytes))
            if let reduced = store.principal {
                try read(reader, header, .reducedCodes, reduced.codes, Int(header.reducedSectionBytes))
            }
            try read(reader, header, .terms, store.terms, Int(header.termSectionBytes))
            for slot in 0..<slots where !store.terms[slot].isFinite {
                throw IndexFileError.damaged("the term of slot \(slot)")
            }
            try readScales(reader, header, into: store)
            store.adopt(slots)
            return store
        } catch let error as IndexMemoryError {
            throw IndexFileError.memory(error)
        }
    }

    private static func readScales(_ reader: SectionReader, _ header: IndexFileHeader, into store: CodeStore) throws {
        guard (header.scaleBytes > 0) == (store.scales != nil && header.slots > 0) else {
            throw IndexFileError.damaged("the scales' size")
        }
        guard let scales = store.scales else {
            _ = try section(reader, header, .scales, 0)
            return
        }
        try read(reader, header, .scales, scales, Int(header.scaleBytes))
        for slot in 0..<Int(header.slots) {
            guard let range = store.codec.rowScales, range ~= scales[slot] else {
                throw IndexFileError.damaged("the scale of slot \(slot)")
            }
            store.place(scales[slot], of: slot)
        }
    }

    private static func readReducer(
        _ reader: SectionReader, _ header: IndexFileHeader, _ parameters: IndexParameters, _ codec: any Codec
    ) throws -> PrincipalQuantizer? {
        guard header.reducerBytes > 0 else {
            guard header.reducedCodeBytes == 0 else {
                throw IndexFileError.damaged("reduced codes without a quantizer")
            }
            return nil
        }
        let serialized = try section(reader, header, .reducer, Int(header.reducerBytes))
        guard parameters.mayReduceCodes else { throw IndexFileError.mismatched("it has reduced codes") }
        guard let reducer = try? PrincipalQuantizer(serialized: serialized),
            reducer.sourceBytes == codec.codeBytes, reducer.codeBytes == Int(header.reducedCodeBytes),
            reducer.componentCount <= PrincipalQuantizer.mostComponents(dimensions: parameters.dimensions)
        else { throw IndexFileError.damaged("the reducing quantizer") }
        return reducer
    }

    private static func readGraph(
        _ reader: SectionReader, _ header: IndexFileHeader, _ parameters: IndexParameters, capacity: Int
    ) throws -> Graph? {
        let m = parameters.effectiveM
        if m == 0 { return nil }
        let graph: Graph
        do throws(IndexMemoryError) {
            graph = try Graph(m: m, capacity: capacity, seed: parameters.seed)
            if header.slots > 0 { try graph.reserve(Int(header.slots)) }
        } catch {
            throw IndexFileError.memory(error)
        }
        let slots = Int(header.slots)
        try readBaseLinks(reader, header, graph, slots)
        let upper = try section(reader, header, .upperLevels, Int(header.upperBytes))
        try UpperLevelsReader(bytes: upper, graph: graph, slots: slots).read()
        try readEntryPoints(reader, header, graph, slots)
        let entry = header.entry
        if entry != .max {
            guard Graph.entrySlot(entry) < slots, Graph.entryLevel(entry) == graph.level(Graph.entrySlot(entry)) else {
                throw IndexFileError.damaged("the entry point")
            }
        }
        graph.entry.store(entry, ordering: .releasing)
        return graph
    }

    private static func readEntryPoints(
        _ reader: SectionReader, _ header: IndexFileHeader, _ graph: Graph, _ slots: Int
    ) throws {
        let bytes = try section(reader, header, .entryPoints, Int(header.entrySectionBytes))
        try bytes.withUnsafeBytes { buffer in
            for i in 0..<Int(header.entryCount) {
                let slot = UInt32(littleEndian: buffer.loadUnaligned(fromByteOffset: 4 * i, as: UInt32.self))
                guard slot < slots, graph.entries.append(slot) else {
                    throw IndexFileError.damaged("entry point \(slot)")
                }
            }
        }
    }

    private static func readBaseLinks(
        _ reader: SectionReader, _ header: IndexFileHeader, _ graph: Graph, _ slots: Int
    ) throws {
        let bytes = Int(header.baseSectionBytes)
        let degree = graph.baseDegree
        // Packed blocks are read to where they end up, then spread from the back where blocks have gaps.
        let packed = UnsafeMutableRawPointer(graph.baseLinks).assumingMemoryBound(to: UInt32.self)
        try read(reader, header, .baseLinks, packed, bytes)
        for slot in stride(from: slots - 1, through: 0, by: -1) {
            let source = packed + slot * degree
            let target = packed + slot * graph.baseStride
            if source != target { target.update(from: source, count: degree) }
            for i in degree..<graph.baseStride { target[i] = Graph.sentinel }
            guard Self.isSound(target, of: slot, degree, slots) else {
                throw IndexFileError.damaged("the links of slot \(slot)")
            }
        }
    }

    /// Links below `slots` and not to `slot` itself, then sentinels.
    static func isSound(_ list: UnsafePointer<UInt32>, of slot: Int, _ degree: Int, _ slots: Int) -> Bool {
        var i = 0
        while i < degree, list[i] != Graph.sentinel {
            if list[i] >= slots || list[i] == slot { return false }
            i += 1
        }
        while i < degree {
            if list[i] != Graph.sentinel { return false }
            i += 1
        }
        return true
    }

    private static func section(
        _ reader: SectionReader, _ header: IndexFileHeader, _ section: IndexFileHeader.Section, _ count: Int
    ) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        try bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress, count > 0 else { return }
            try read(reader, header, section, base, count)
        }
        return bytes
    }

    /// Reads a section to where it belongs.
    private static func read(
        _ reader: SectionReader, _ header: IndexFileHeader, _ section: IndexFileHeader.Section,
        _ target: UnsafeMutableRawPointer, _ count: Int
    ) throws {
        guard try reader.read(target, count) == header.hashes[section.rawValue] else {
            throw IndexFileError.damaged("the hash of section \(section.rawValue + 1), \(section), differs")
        }
    }
}

/// Puts the upper-levels section into a graph.
private struct UpperLevelsReader {
    let bytes: [UInt8]
    let graph: Graph
    let slots: Int

    func read() throws(IndexFileError) {
        guard bytes.count % 4 == 0 else { throw .damaged("the upper levels' size") }
        var failed: IndexFileError?
        bytes.withUnsafeBytes { buffer in
            buffer.withMemoryRebound(to: UInt32.self) { words in
                do throws(IndexFileError) {
                    try place(words)
                    try checkLevels()
                } catch {
                    failed = error
                }
            }
        }
        if let failed { throw failed }
    }

    private func place(_ words: UnsafeBufferPointer<UInt32>) throws(IndexFileError) {
        guard let base = words.baseAddress else { return }
        var next = 0
        var last: UInt32?
        while next < words.count {
            guard next + 2 <= words.count else { throw .damaged("the upper levels end early") }
            let slot = words[next]
            let level = Int(words[next + 1])
            next += 2
            // Only the drawn levels: were every slot on the upper ones, a search might step through them one by one.
            guard slot < slots, last.map({ slot > $0 }) ?? true, level >= 1, level == graph.drawnLevel(slot),
                next + level * graph.m <= words.count
            else { throw .damaged("the upper levels of slot \(slot)") }
            last = slot
            guard graph.openUpper(slot, level: level) else { throw .memory(.capacityReached) }
            for at in 1...level {
                guard VectorIndex.isSound(base + next, of: Int(slot), graph.m, slots),
                    let list = graph.links(level: at).list(slot)
                else { throw .damaged("the links of slot \(slot) on level \(at)") }
                for i in 0..<graph.m { list[i].store(words[next + i], ordering: .relaxed) }
                next += graph.m
            }
        }
    }

    /// Every upper link leads to a slot of that level.
    private func checkLevels() throws(IndexFileError) {
        for slot in 0..<UInt32(slots) {
            let level = graph.level(slot)
            if level == 0 { continue }
            for at in 1...level {
                let links = graph.links(level: at)
                guard let list = links.list(slot) else { throw .damaged("level \(at) of slot \(slot)") }
                for i in 0..<links.degree {
                    let link = list[i].load(ordering: .relaxed)
                    if link == Graph.sentinel { break }
                    guard graph.level(link) >= at else { throw .damaged("the links of slot \(slot) on level \(at)") }
                }
            }
        }
    }
}
