import JSON

/// A vector of a point or of a query, of whichever kind its field takes.
public enum VectorValue: Sendable, Hashable {
    case dense([Float])
    /// Values at some indices, as many of each; all others are 0. Indices are distinct, in any order.
    case sparse(indices: [UInt32], values: [Float])
    /// Rows of `dimensions` elements, one after another.
    case multi(rows: [Float], dimensions: Int)
    /// A text that stands for its vector. The engine takes none: whoever asks it has the text embedded first.
    case document(TextDocument)

    /// The elements of a dense vector; `nil` for any other.
    public var dense: [Float]? { if case .dense(let elements) = self { elements } else { nil } }
}

/// A text, and the model that is to make a vector of it.
public struct TextDocument: Sendable, Hashable {
    public var text: String
    public var model: String

    public init(text: String, model: String) {
        self.text = text
        self.model = model
    }
}

/// A literal is a dense vector.
extension VectorValue: ExpressibleByArrayLiteral {
    public init(arrayLiteral elements: Float...) { self = .dense(elements) }
}

/// The vectors of one point by name; "" is the unnamed one. Those to be written are as sent, those that are read as stored.
public typealias NamedVectors = [ByteString: VectorValue]
