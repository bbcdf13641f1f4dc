import Logging
import VectorIndex

/// A kind of vectors: how their values are encoded, and how their files are opened.
package protocol FieldKind: Sendable {
    /// The types of the files that hold rows, by which a field's files are told apart: `vectors/<collection>/<generation>/<id>.<type>`.
    var fileTypes: Set<String> { get }

    /// Bytes of each row; `nil` where rows differ in length.
    func rowBytes(_ parameters: VectorParameters) -> Int?

    /// Checks a vector, and appends the bytes that are stored of it. Any thread. Throws `.invalid` for one that can't be stored.
    /// Complexity: O(elements).
    func encode(_ value: VectorValue, _ parameters: VectorParameters, into rows: inout EncodedRows) throws

    /// Whether an archive of `byteCount` bytes can hold the rows of `slotCount` slots. Memory for the slots is taken only then.
    func mayArchive(byteCount: Int, slotCount: Int, _ parameters: VectorParameters) -> Bool

    /// Opens the files of a field, or makes them where there are no slots yet; what is derived is loaded where it can be used.
    /// Nothing is published. Throws `.storage` when the files don't hold the committed rows.
    func makeField(_ opening: FieldOpening) throws -> any VectorField

    /// The rows at rest, while no engine has them. Throws `.storage` when there is no such file.
    func openStored(_ site: FieldSite) throws -> any StoredField

    /// Looks at the derived files at rest. They are derived: what is wrong with one is worth a line and no more, because a
    /// start mends or rebuilds it.
    ///
    /// - Parameters:
    ///   - absent: the slots that have no such vector.
    ///   - report: gets a line a finding.
    func checkDerived(
        _ site: FieldSite, _ settings: CollectionConfiguration, slotCount: Int, absent: [UInt32],
        report: (String) -> Void)
}

/// Which kinds there are, and which of them a vector's parameters mean.
package struct FieldKinds: Sendable {
    package let all: [any FieldKind]
    private let choose: @Sendable (VectorParameters) -> any FieldKind

    package init(_ all: [any FieldKind], choose: @escaping @Sendable (VectorParameters) -> any FieldKind) {
        self.all = all
        self.choose = choose
    }

    package static let standard = FieldKinds([DenseKind()]) { _ in DenseKind() }

    package subscript(parameters: VectorParameters) -> any FieldKind { choose(parameters) }
}

/// Names a field, and says where its files lie.
package struct FieldSite: Sendable {
    package let entry: VectorRegistry.Entry
    package let name: String
    package let parameters: VectorParameters
    package let collection: Int64
    package let generation: Int
    package let layout: StorageLayout
    package let fileSystem: any FileSystem

    /// A file of its rows.
    package func rowFile(type: String) -> String {
        layout.rowFile(collection, generation, entry.id, type: type)
    }

    /// The file of what is derived.
    package var indexFile: String { layout.indexFile(collection, generation, entry.id) }

    /// Removes all of its files. Ids aren't given twice, so that none of another field begins with this one's.
    func removeFiles() throws {
        for folder in [layout.vectors(collection, generation), layout.derived(collection, generation)] {
            for name in try fileSystem.list(folder) where name.hasPrefix("\(entry.id).") {
                try fileSystem.remove("\(folder)/\(name)")
            }
        }
    }
}

/// What a field is opened with.
package struct FieldOpening: Sendable {
    package let site: FieldSite
    /// Committed slots; 0 for a new field.
    package let slotCount: Int
    package let settings: CollectionConfiguration
    package let limits: IndexLimits
    package let environment: Environment
    package let logger: Logger
    /// Whether it will be searched. Of a deleted vector only rows are of use.
    package let isSearched: Bool
    /// The field of the generation whose place is taken, from which knowledge may be handed on.
    package let predecessor: (any VectorField)?
}

/// The rows of one field as they lie on the disk.
package protocol StoredField {
    /// Throws `.storage` when there are fewer than `count` rows.
    func requireRows(_ count: Int) throws
    /// Grows the files to `count` rows; what is added reads as rows that no checksum fits.
    func grow(to count: Int) throws
    /// The stored bytes at a slot; `nil` behind the end.
    func row(_ slot: UInt32) throws -> [UInt8]?
}
