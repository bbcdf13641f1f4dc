/// A text that doesn't show in descriptions.
public struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible {
    let value: String

    public init(_ value: String) { self.value = value }

    public var description: String { "[secret]" }
    public var debugDescription: String { description }
}
