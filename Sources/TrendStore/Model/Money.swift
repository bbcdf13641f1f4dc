/// An exact amount of money with two places, within ±9,999,999,999.99.
public struct Money: Sendable, Hashable, Comparable {
    /// Hundredths.
    public let cents: Int64

    static let mostCents: Int64 = 999_999_999_999
    /// The greatest amount, 9,999,999,999.99.
    package static let largest = Double(mostCents) / 100

    /// `nil` for more than the range holds.
    public init?(cents: Int64) {
        guard cents.magnitude <= Self.mostCents else { return nil }
        self.cents = cents
    }

    private init(unchecked cents: Int64) { self.cents = cents }

    public static let zero = Money(unchecked: 0)

    /// Reads a decimal number, as JSON writes it without an exponent: `1250`, `-3.5`, `19.90`. `nil` for anything else, for more
    /// than two places that aren't 0, and beyond the range: nothing is rounded.
    public init?(_ text: some StringProtocol) {
        var digits = Substring(text)
        let isNegative = digits.first == "-"
        if isNegative { digits = digits.dropFirst() }
        let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let isDecimal = parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } }
        guard isDecimal, parts[0].utf8.count <= 10 else { return nil }
        let places = parts.count == 2 ? parts[1] : ""
        guard places.dropFirst(2).allSatisfy({ $0 == "0" }) else { return nil }
        let two = (places + "00").prefix(2)
        guard let whole = Int64(parts[0]), let fraction = Int64(two) else { return nil }
        self.init(cents: (whole * 100 + fraction) * (isNegative ? -1 : 1))
    }

    public static func < (a: Money, b: Money) -> Bool { a.cents < b.cents }
}

extension Money: CustomStringConvertible {
    /// With two places: `1250.00`.
    public var description: String {
        let (whole, fraction) = cents.magnitude.quotientAndRemainder(dividingBy: 100)
        return "\(cents < 0 ? "-" : "")\(whole).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
