/// Why an index file could not be written or read.
public enum IndexFileError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A system call failed.
    case io(operation: String, path: String, code: Int32)
    /// The file is not an index file, of another format version, cut short or altered.
    case damaged(String)
    /// The file is sound but belongs to other parameters or to more rows than there are.
    case mismatched(String)
    case memory(IndexMemoryError)

    public var description: String {
        switch self {
        case .io(let operation, let path, let code): "\(operation) \(path): error \(code)"
        case .damaged(let what): "damaged index file: \(what)"
        case .mismatched(let what): "index file doesn't fit: \(what)"
        case .memory(let error): "no memory for the index: \(error)"
        }
    }
}
