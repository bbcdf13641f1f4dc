/// Pieces by their UTF-8 bytes, for the longest piece at the start of a text.
///
/// A step is one look-up by (node, byte), so that a search costs O(bytes of the longest piece), however long the text is.
struct VocabularyTrie: Sendable {
    private var children: [UInt64: UInt32] = [:]
    /// The piece that ends at a node, or -1.
    private var pieces: [Int32] = [-1]

    mutating func insert(_ bytes: some Sequence<UInt8>, piece: Int32) {
        var node: UInt32 = 0
        for byte in bytes {
            let key = UInt64(node) << 8 | UInt64(byte)
            if let next = children[key] {
                node = next
            } else {
                node = UInt32(pieces.count)
                children[key] = node
                pieces.append(-1)
            }
        }
        pieces[Int(node)] = piece
    }

    /// The longest piece at the start of `bytes`, and its length; `nil` if there is none.
    func longestPrefix(of bytes: Slice<UnsafeBufferPointer<UInt8>>) -> (piece: Int32, count: Int)? {
        var node: UInt32 = 0
        var found: (piece: Int32, count: Int)?
        var count = 0
        for byte in bytes {
            guard let next = children[UInt64(node) << 8 | UInt64(byte)] else { break }
            node = next
            count += 1
            let piece = pieces[Int(node)]
            if piece >= 0 { found = (piece, count) }
        }
        return found
    }
}
