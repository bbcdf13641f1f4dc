/// Where things lie in a storage folder; docs/FORMAT.md draws it.
///
/// Collections are folders by number, so no name that a client chooses ever becomes a path.
package struct StorageLayout: Sendable {
    package let root: String

    package init(root: String) { self.root = root }

    package var database: String { "\(root)/trendex.sqlite3" }
    package var lock: String { "\(root)/.lock" }
    package var vectors: String { "\(root)/vectors" }
    package var derived: String { "\(root)/derived" }
    /// Space for deletions on a full disk.
    package var reserve: String { "\(root)/reserve" }
    package var temporary: String { "\(root)/tmp" }
    package var setAside: String { "\(root)/set-aside" }

    package func vectors(_ collection: Int64) -> String { "\(vectors)/\(collection)" }
    package func vectors(_ collection: Int64, _ generation: Int) -> String { "\(vectors(collection))/\(generation)" }
    package func derived(_ collection: Int64) -> String { "\(derived)/\(collection)" }
    package func derived(_ collection: Int64, _ generation: Int) -> String { "\(derived(collection))/\(generation)" }
    package func setAside(_ collection: Int64, _ number: Int) -> String {
        "\(setAside)/vectors-\(collection)-\(number)"
    }

    /// A file of a vector's rows; `type` says what they are.
    package func rowFile(_ collection: Int64, _ generation: Int, _ id: VectorID, type: String) -> String {
        "\(vectors(collection, generation))/\(id).\(type)"
    }

    package func indexFile(_ collection: Int64, _ generation: Int, _ id: VectorID) -> String {
        "\(derived(collection, generation))/\(id).index"
    }
}
