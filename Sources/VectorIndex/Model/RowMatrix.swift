/// The stored rows of one vector: slot i starts at `base + i·rowBytes`. The rows are read only, and only those of
/// published slots. `owner` keeps the memory (a mapping, usually) alive as long as any search or linker uses it.
public struct RowMatrix: @unchecked Sendable {
    // Unchecked: the memory behind `base` isn't written while the matrix is in use.
    public let base: UnsafeRawPointer
    public let rowBytes: Int
    public let owner: any AnyObject & Sendable

    public init(base: UnsafeRawPointer, rowBytes: Int, owner: any AnyObject & Sendable) {
        self.base = base
        self.rowBytes = rowBytes
        self.owner = owner
    }

    /// The first byte of a slot's row.
    @inline(__always)
    func row(_ slot: Int) -> UnsafeRawPointer { base + slot * rowBytes }
}
