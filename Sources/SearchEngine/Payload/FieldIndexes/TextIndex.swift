import JSON

/// An inverted index of tokens, and each text's tokens in order where conditions need them.
final class TextIndex: FieldIndex {
    private let settings: TextSettings
    private var tokenIDs: [ByteString: Int32] = [:]
    private var tokens: [ByteString] = []
    private var postings: [SlotSet] = []
    /// Numbers of tokens that no text has any more.
    private var freeIDs: [Int32] = []
    /// By slot: the tokens of its texts in order, with `border` between two texts; kept only for phrases, and for
    /// conditions on single elements. Empty where a lone token's posting says it all.
    private var sequences: [[Int32]] = []
    /// The slots with several texts.
    private var severalTexts = SlotSet()

    private static let border: Int32 = -1

    init(_ settings: TextSettings) { self.settings = settings }

    private var keepsSequences: Bool { settings.phrases || settings.perElement }

    private func id(_ token: ByteString) -> Int32 {
        if let id = tokenIDs[token] { return id }
        if let id = freeIDs.popLast() {
            tokenIDs[token] = id
            tokens[Int(id)] = token
            return id
        }
        let id = Int32(tokens.count)
        tokenIDs[token] = id
        tokens.append(token)
        postings.append(.none)
        return id
    }

    func insert(_ slot: UInt32, _ view: PayloadView) {
        var sequence: [Int32] = []
        var isFirst = true
        for case .string(let text) in view.values.elements {
            if !isFirst { sequence.append(Self.border) }
            isFirst = false
            for token in settings.documentTokens(text) {
                let id = id(token)
                postings[Int(id)].insert(slot)
                if keepsSequences, settings.tokenizer != .prefix { sequence.append(id) }
            }
            if keepsSequences, settings.tokenizer == .prefix {
                for token in settings.queryTokens(text) { sequence.append(id(token)) }
            }
        }
        guard keepsSequences, sequence.count > 1 else { return }
        if sequence.contains(Self.border) { severalTexts.insert(slot) }
        while sequences.count <= slot { sequences.append([]) }
        sequences[Int(slot)] = sequence
    }

    func remove(_ slot: UInt32, _ view: PayloadView) {
        for case .string(let text) in view.values.elements {
            for token in settings.documentTokens(text) {
                guard let id = tokenIDs[token] else { continue }
                postings[Int(id)].remove(slot)
                guard postings[Int(id)].isEmpty else { continue }
                // Texts that change must not fill the memory with words of the past.
                tokenIDs[token] = nil
                tokens[Int(id)] = ""
                freeIDs.append(id)
            }
        }
        if slot < sequences.count { sequences[Int(slot)] = [] }
        severalTexts.remove(slot)
    }

    func select(_ predicate: FieldPredicate, into bits: inout SlotBits) {
        switch predicate {
        case .matchText(let query): selectAll(Array(Set(settings.queryTokens(query.string))), into: &bits)
        case .matchTextAny(let query):
            for token in settings.queryTokens(query.string) {
                if let id = tokenIDs[token] { bits.formUnion(postings[Int(id)]) }
            }
        case .matchPhrase(let query):
            if settings.phrases { selectPhrase(settings.queryTokens(query.string), into: &bits) }
        default: break
        }
    }

    /// The slots that have every one of the tokens.
    private func candidates(_ query: [Int32], _ universe: Int) -> SlotBits {
        let ascending = query.map { postings[Int($0)] }.sorted { $0.count < $1.count }
        var bits = SlotBits(universe: universe)
        for (index, slots) in ascending.enumerated() {
            if index == 0 { bits.formUnion(slots) } else { bits.formIntersection(slots) }
        }
        return bits
    }

    private func ids(_ query: [ByteString]) -> [Int32]? {
        let ids = query.compactMap { tokenIDs[$0] }
        return ids.count == query.count && !ids.isEmpty ? ids : nil
    }

    private func selectAll(_ query: [ByteString], into bits: inout SlotBits) {
        guard let ids = ids(query) else { return }
        var found = candidates(ids, bits.universe)
        if settings.perElement, ids.count > 1 {
            let wanted = Set(ids)
            severalTexts.forEach { slot in
                if found.contains(slot), !holdsAll(wanted, sequences[Int(slot)]) { found.remove(slot) }
            }
        }
        bits.formUnion(found)
    }

    /// Whether one text has all the tokens. Sequences of prefixes would need them cut again, but no path without an
    /// index makes prefixes.
    private func holdsAll(_ wanted: Set<Int32>, _ sequence: [Int32]) -> Bool {
        sequence.split(separator: Self.border).contains { wanted.isSubset(of: $0) }
    }

    private func selectPhrase(_ phrase: [ByteString], into bits: inout SlotBits) {
        guard let ids = ids(phrase) else { return }
        let found = candidates(ids, bits.universe)
        guard ids.count > 1 else { return bits.formUnion(found) }
        found.forEach { slot in
            if slot < sequences.count, holds(ids, sequences[Int(slot)]) { bits.insert(slot) }
        }
    }

    private func holds(_ phrase: [Int32], _ sequence: [Int32]) -> Bool {
        guard sequence.count >= phrase.count else { return false }
        let last = phrase.count - 1
        return (0...sequence.count - phrase.count).contains { start in
            for index in 0..<last where sequence[start + index] != phrase[index] { return false }
            let token = sequence[start + last]
            if token == phrase[last] { return true }
            // The last word of a phrase may be a beginning.
            return settings.tokenizer == .prefix && token != Self.border
                && tokens[Int(token)].utf8.starts(with: tokens[Int(phrase[last])].utf8)
        }
    }

    func selectEverything(into bits: inout SlotBits) {
        for slots in postings { bits.formUnion(slots) }
    }

    var residentBytes: Int {
        var bytes =
            hashTableBytes(capacity: tokenIDs.capacity, entry: 20) + tokens.capacity * 16 + postings.capacity
            * MemoryLayout<SlotSet>.stride
        for token in tokens where token.utf8.count > 15 { bytes += token.utf8.count + 32 }
        for slots in postings { bytes += slots.allocatedBytes }
        bytes += sequences.capacity * 8 + severalTexts.allocatedBytes
        for sequence in sequences where !sequence.isEmpty { bytes += 32 + sequence.capacity * 4 }
        return bytes
    }
}
