#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A string that is equal to another one only byte by byte, and sorts by its bytes: keys of JSON objects, keywords, names.
///
/// Swift's `String` takes canonically equivalent texts for equal, such as `é` as one scalar and as `e` with an accent.
/// To clients these are two keys.
public struct ByteString: Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let string: String

    public init(_ string: String) { self.string = string }
    public init(stringLiteral value: String) { string = value }

    public var description: String { string }
    public var utf8: String.UTF8View { string.utf8 }
    public var isEmpty: Bool { string.isEmpty }
}

extension ByteString: Hashable {
    public static func == (a: ByteString, b: ByteString) -> Bool { a.string.hasSameBytes(as: b.string) }

    public func hash(into hasher: inout Hasher) {
        var string = string
        string.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // So that neighbours in a compound value are kept apart.
        hasher.combine(0xFF as UInt8)
    }
}

extension ByteString: Comparable {
    /// UTF-8 sorts as the scalars do.
    public static func < (a: ByteString, b: ByteString) -> Bool {
        a.string.utf8.lexicographicallyPrecedes(b.string.utf8)
    }
}

extension String {
    /// Whether the two are the same UTF-8 bytes.
    public func hasSameBytes(as other: String) -> Bool {
        let count = utf8.count
        guard count == other.utf8.count else { return false }
        if count == 0 { return true }
        let isSame = utf8.withContiguousStorageIfAvailable { own in
            other.utf8.withContiguousStorageIfAvailable { others in
                memcmp(own.baseAddress!, others.baseAddress!, count) == 0
            }
        }
        return isSame.flatMap { $0 } ?? utf8.elementsEqual(other.utf8)
    }
}
