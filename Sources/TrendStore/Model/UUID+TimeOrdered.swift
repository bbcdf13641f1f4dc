import Foundation

extension UUID {
    /// A new id of version 7 (RFC 9562): its first 48 bits are the milliseconds since 1970, the next 12 a part of the
    /// millisecond, 62 are random. Rows that come one after the other so lie beside each other in each index by id; with ids that
    /// are random throughout, each row touches pages of its own in all of them.
    public static func timeOrdered(at time: Timestamp = .now) -> UUID {
        let microseconds = UInt64(max(time.microseconds, 0))
        let fraction = microseconds % 1_000 * 4_096 / 1_000
        let high = (microseconds / 1_000) << 16 | 7 << 12 | fraction
        let low = UInt64.random(in: .min ... .max) & (1 << 62 - 1) | 2 << 62
        func byte(_ value: UInt64, _ place: Int) -> UInt8 { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * place)) }
        return UUID(
            uuid: (
                byte(high, 0), byte(high, 1), byte(high, 2), byte(high, 3), byte(high, 4), byte(high, 5), byte(high, 6),
                byte(high, 7), byte(low, 0), byte(low, 1), byte(low, 2), byte(low, 3), byte(low, 4), byte(low, 5),
                byte(low, 6), byte(low, 7)
            ))
    }
}
