/// Why an index file could not be read.
public enum IndexFileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file is not an index file, of another format version, cut short or altered.
    case damaged(String)
    /// The file is sound but belongs to other parameters or to more rows than there are.
    case mismatched(String)
    case memory(IndexMemoryError)

    public var description: String {
        switch self {
        case .damaged(let what): "damaged index file: \(what)"
        case .mismatched(let what): "index file doesn't fit: \(what)"
        case .memory(let error): "no memory for the index: \(error)"
        }
    }
}
