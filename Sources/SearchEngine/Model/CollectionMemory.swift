import JSON
import OrderedCollections

/// What a collection has in memory and in mapped files, in bytes.
///
/// Codes, links and vector files are measured: pages that are in memory. What lies on the heap is told by its data
/// structures' sizes. Not in it is what all collections share: the database, which keeps the payloads, and the working
/// memory of searches.
public struct CollectionMemory: Sendable {
    public struct Vector: Sendable {
        public var name: String
        /// The file of stored vectors, which is mapped whole and grown ahead.
        public var file: Int
        /// Pages of it that are in memory, which the system may drop when it needs them.
        public var cached: Int
        /// Rows in it, deleted and rewritten points' included.
        public var rows: Int
        /// The derived file of codes and links; 0 while there is none.
        public var savedIndex: Int
        /// int8 codes, their row terms and the quantizer.
        public var codes: Int
        /// Codes of the leading principal components, and these.
        public var reducedCodes: Int
        /// The graph's links, and one bit a slot.
        public var links: Int

        package init(
            name: String, file: Int, cached: Int, rows: Int, savedIndex: Int, codes: Int, reducedCodes: Int, links: Int
        ) {
            self.name = name
            self.file = file
            self.cached = cached
            self.rows = rows
            self.savedIndex = savedIndex
            self.codes = codes
            self.reducedCodes = reducedCodes
            self.links = links
        }
    }

    public var vectors: [Vector]
    /// Ids, versions and the order of ids.
    public var ids: Int
    /// By payload key: the indexes that were declared, and those that filters had made.
    public var payloadIndexes: OrderedDictionary<ByteString, Int>

    public var codes: Int { vectors.reduce(0) { $0 + $1.codes } }
    public var reducedCodes: Int { vectors.reduce(0) { $0 + $1.reducedCodes } }
    public var links: Int { vectors.reduce(0) { $0 + $1.links } }
    public var allPayloadIndexes: Int { payloadIndexes.values.reduce(0, +) }

    /// Anonymous memory: all that the system can't drop.
    public var resident: Int { codes + reducedCodes + links + ids + allPayloadIndexes }
    public var mapped: Int { vectors.reduce(0) { $0 + $1.file } }
    /// Pages of the mapped files that are in memory.
    public var cached: Int { vectors.reduce(0) { $0 + $1.cached } }
}
