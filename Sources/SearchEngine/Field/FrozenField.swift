import VectorIndex

/// A field's rows and what is derived from them at one moment. Held while a snapshot is written, on any thread; the field goes on.
package protocol FrozenField: Sendable {
    /// Bytes that ``archive(_:_:)`` writes.
    func archivedBytes(_ slots: [UInt32]) -> Int
    /// Writes the rows at some slots, which ascend, as the entry `vectors/<id>` of a collection's archive.
    func archive(_ slots: [UInt32], _ write: (UnsafeRawBufferPointer) throws -> Void) throws
    /// The files of rows, cut off behind `slotCount` slots.
    func files(slotCount: Int) -> [FrozenFile]
    /// What a restore can use instead of deriving it anew; `nil` for nothing.
    var derived: (any DerivedImage)? { get }
}

/// A file as it was at one moment.
package struct FrozenFile {
    package let path: String
    package let byteCount: Int
    /// Hands the file's bytes on from front to back.
    package let write: (_ sink: (UnsafeRawBufferPointer) throws -> Void) throws -> Void

    package init(
        path: String, byteCount: Int, write: @escaping (_ sink: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) {
        self.path = path
        self.byteCount = byteCount
        self.write = write
    }
}

/// What is derived, at one moment, in a form that others can adopt.
package protocol DerivedImage: Sendable {
    /// Bytes that it takes when it is written, at most.
    var mostBytes: Int { get }
    /// Writes it to an empty file.
    func write(to sink: any IndexByteSink) throws
}

extension GraphImage: DerivedImage {}
