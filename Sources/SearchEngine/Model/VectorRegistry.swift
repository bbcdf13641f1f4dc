import JSON

/// Names one vector of a collection for the collection's life. A vector that is created later gets another, also under the same
/// name.
package struct VectorID: Hashable, Sendable, CustomStringConvertible {
    package let number: Int

    package init(_ number: Int) { self.number = number }

    package var description: String { "\(number)" }
}

/// Which vectors a collection has, and had: what stays when names come and go.
package struct VectorRegistry: Hashable, Sendable {
    /// What a point's mask of vectors and the files know a vector by.
    package struct Entry: Hashable, Sendable {
        package var id: VectorID
        /// Its bit in the mask. Free again when no row has it any more.
        package var bit: Int
    }

    /// A deleted vector whose bit rows may still have.
    package struct Leaving: Hashable, Sendable {
        package var entry: Entry
        package var parameters: VectorParameters
    }

    package private(set) var entries: [ByteString: Entry] = [:]
    package private(set) var leaving: [Leaving] = []
    /// The least id that was never given.
    package private(set) var nextID = 0

    /// A point's mask has as many bits.
    package static let mostVectors = 64
    /// Ids that a collection can give in its life.
    package static let mostIDs = 1 << 31

    /// A new collection's: each vector's id and bit are its place.
    package init(_ names: some Sequence<ByteString>) {
        for name in names {
            entries[name] = Entry(id: VectorID(nextID), bit: nextID)
            nextID += 1
        }
    }

    /// Throws `.invalid` for what no engine has made.
    package init(entries: [ByteString: Entry], leaving: [Leaving], nextID: Int) throws {
        let all = Array(entries.values) + leaving.map(\.entry)
        guard Set(all.map(\.id)).count == all.count, Set(all.map(\.bit)).count == all.count,
            0...Self.mostIDs ~= nextID,
            all.allSatisfy({ 0..<nextID ~= $0.id.number && 0..<Self.mostVectors ~= $0.bit })
        else { throw EngineError.invalid("the ids of its vectors can't be") }
        self.entries = entries
        self.leaving = leaving
        self.nextID = nextID
    }

    /// Throws `.limitReached` when no bit is free.
    mutating func add(_ name: ByteString) throws {
        let taken = Set(entries.values.map(\.bit) + leaving.map(\.entry.bit))
        guard let bit = (0..<Self.mostVectors).first(where: { !taken.contains($0) }) else {
            throw EngineError.limitReached(
                "A collection can have at most \(Self.mostVectors) vectors, those included whose deletion is under way")
        }
        guard nextID < Self.mostIDs else {
            throw EngineError.limitReached("A collection can be given at most \(Self.mostIDs) vectors in its life")
        }
        entries[name] = Entry(id: VectorID(nextID), bit: bit)
        nextID += 1
    }

    mutating func remove(_ name: ByteString, _ parameters: VectorParameters) {
        guard let entry = entries.removeValue(forKey: name) else { return }
        leaving.append(Leaving(entry: entry, parameters: parameters))
    }

    mutating func forget(_ id: VectorID) { leaving.removeAll { $0.entry.id == id } }
}

extension CollectionConfiguration {
    /// All vectors that rows of the table can have, in the order of their bits.
    package var storedVectors: [(entry: VectorRegistry.Entry, parameters: VectorParameters)] {
        let registry = vectorRegistry
        let all =
            vectors.map { name, parameters in (registry.entries[name]!, parameters) }
            + registry.leaving.map { ($0.entry, $0.parameters) }
        return all.sorted { $0.0.bit < $1.0.bit }
    }
}
