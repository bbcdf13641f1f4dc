import OrderedCollections

// Look-ups by `String` in dictionaries whose keys are compared byte by byte.

extension Dictionary where Key == ByteString {
    public subscript(_ key: String) -> Value? {
        get { self[ByteString(key)] }
        set { self[ByteString(key)] = newValue }
    }
}

extension OrderedDictionary where Key == ByteString {
    public subscript(_ key: String) -> Value? {
        get { self[ByteString(key)] }
        set { self[ByteString(key)] = newValue }
    }

    @discardableResult
    public mutating func removeValue(forKey key: String) -> Value? { removeValue(forKey: ByteString(key)) }
}
