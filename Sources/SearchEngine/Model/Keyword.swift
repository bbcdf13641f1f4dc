import JSON

/// A string as `match` compares it: byte by byte, but all spellings of one UUID are equal.
///
/// Qdrant does so under a UUID index; here it holds with and without any index, so that an index changes no answer.
public enum Keyword: Sendable, Hashable {
    case text(ByteString)
    case uuid(high: UInt64, low: UInt64)

    public init(_ text: String) {
        if case .uuid(let high, let low)? = PointID(uuid: text) {
            self = .uuid(high: high, low: low)
        } else {
            self = .text(ByteString(text))
        }
    }
}

extension Keyword: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) { self.init(value) }
}
