import NIOHTTP1
import Synchronization

extension HTTPHeaders {
    private static let mostRequestIDBytes = 128

    /// The id that a client or a proxy gave the request. One that is too long, or has characters that a log line or a header
    /// couldn't hold as they are, counts as none.
    var requestID: String? {
        guard let id = first(name: "x-request-id"), (1...Self.mostRequestIDBytes).contains(id.utf8.count),
            id.utf8.allSatisfy(\.isOfRequestID)
        else { return nil }
        return id
    }
}

extension UInt8 {
    fileprivate var isOfRequestID: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "/"),
            UInt8(ascii: "+"), UInt8(ascii: "="), UInt8(ascii: "@"):
            true
        default: false
        }
    }
}

/// Ids of the requests that bring none: 96 random bits of this run and the request's number, in hexadecimal. Nothing in them
/// is secret.
final class RequestIDs: Sendable {
    private static let digits = Array("0123456789abcdef".utf8)

    private let prefix = Array((randomHexadecimal(bytes: 12) + "-").utf8)
    private let number = Atomic<UInt64>(0)

    func next() -> String {
        var number = number.wrappingAdd(1, ordering: .relaxed).newValue
        return String(unsafeUninitializedCapacity: prefix.count + 16) { bytes in
            for (place, byte) in prefix.enumerated() { bytes[place] = byte }
            for place in (prefix.count..<prefix.count + 16).reversed() {
                bytes[place] = Self.digits[Int(number & 15)]
                number >>= 4
            }
            return prefix.count + 16
        }
    }
}
