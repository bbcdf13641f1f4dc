import Quantization
import Synchronization

extension VectorIndex {
    /// Of fewer linked slots a file holds neither codes nor graph.
    static let smallestSavedCount = 64

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
        let (codes, graph, slots, trainedCount, checked): (CodeStore?, Graph?, Int, Int, Int) = state.withLock {
            state in
            // A graph that is about to be replaced doesn't go with the codes any more.
            let links = state.successor ?? state.links
            let slots = parameters.effectiveM == 0 ? state.encodedCount : links.linked
            guard state.isBuilt else { return (nil, nil, 0, 0, 0) }
            // The first slots may be linked through newer ones alone; without those they would not hang together.
            if links.graph != nil && slots < Self.smallestSavedCount { return (nil, nil, 0, 0, 0) }
            return (state.codes, links.graph, slots, state.trainedCount, links.reach.covered)
        }
        var header = IndexFileHeader(parameters)
        try writer.leaveRoomForHeader()
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
        if let graph {
            try GraphImage(parameters: parameters, graph: graph, slots: slots, checkedSlots: checked)
                .writeSections(writer, &header)
        } else {
            for section in GraphImage.sections { end(section) }
        }
        try writer.finish(header: header.encoded())
    }
}
