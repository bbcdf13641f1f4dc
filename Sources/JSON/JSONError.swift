/// Why a text is not the JSON that was asked for, and where.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    public var message: String
    /// Bytes before the spot.
    public var offset: Int
    /// Counted from 1; a line ends with a line feed.
    public var line: Int
    /// Counted from 1, in bytes.
    public var column: Int

    public init(message: String, offset: Int, line: Int, column: Int) {
        self.message = message
        self.offset = offset
        self.line = line
        self.column = column
    }

    public var description: String { "\(message) at line \(line) column \(column)" }
}

/// What kind of value comes next.
public enum JSONToken: String, Sendable, Hashable {
    case object, array, string, number, bool, null
}

/// A number as it was written: with a fraction or an exponent it is a `double`, otherwise an integer if it fits.
public enum JSONNumber: Sendable, Hashable {
    case integer(Int64)
    /// Only above `Int64.max`.
    case unsigned(UInt64)
    /// Always finite.
    case double(Double)

    public var doubleValue: Double {
        switch self {
        case .integer(let value): Double(value)
        case .unsigned(let value): Double(value)
        case .double(let value): value
        }
    }
}
