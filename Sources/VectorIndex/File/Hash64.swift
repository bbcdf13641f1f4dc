/// XXH64 with seed 0 (Collet: the xxHash specification, revision 0.2), fed piece by piece: finds damage in files at
/// memory speed. Not meant against forgery.
package struct Hash64 {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    private var a = prime1 &+ prime2
    private var b = prime2
    private var c: UInt64 = 0
    private var d = 0 &- prime1
    private var length: UInt64 = 0
    /// Bytes that don't fill a stripe of 32 yet.
    private var rest: [UInt8] = []

    package init() {}

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard var next = bytes.baseAddress else { return }
        let end = next + bytes.count
        length &+= UInt64(bytes.count)
        if !rest.isEmpty {
            let missing = min(32 - rest.count, bytes.count)
            rest.append(contentsOf: UnsafeRawBufferPointer(start: next, count: missing))
            next += missing
            if rest.count < 32 { return }
            let full = rest
            full.withUnsafeBytes { if let base = $0.baseAddress { stripe(base) } }
            rest.removeAll(keepingCapacity: true)
        }
        while end - next >= 32 {
            stripe(next)
            next += 32
        }
        if next < end { rest.append(contentsOf: UnsafeRawBufferPointer(start: next, count: end - next)) }
    }

    /// The hash of everything fed so far.
    package var value: UInt64 {
        var hash: UInt64
        if length >= 32 {
            hash = rotate(a, 1) &+ rotate(b, 7) &+ rotate(c, 12) &+ rotate(d, 18)
            for lane in [a, b, c, d] { hash = (hash ^ round(0, lane)) &* Self.prime1 &+ Self.prime4 }
        } else {
            hash = Self.prime5
        }
        hash &+= length
        rest.withUnsafeBytes { rest in
            var i = 0
            while i + 8 <= rest.count {
                hash ^= round(0, UInt64(littleEndian: rest.loadUnaligned(fromByteOffset: i, as: UInt64.self)))
                hash = rotate(hash, 27) &* Self.prime1 &+ Self.prime4
                i += 8
            }
            if i + 4 <= rest.count {
                let word = UInt32(littleEndian: rest.loadUnaligned(fromByteOffset: i, as: UInt32.self))
                hash ^= UInt64(word) &* Self.prime1
                hash = rotate(hash, 23) &* Self.prime2 &+ Self.prime3
                i += 4
            }
            while i < rest.count {
                hash ^= UInt64(rest[i]) &* Self.prime5
                hash = rotate(hash, 11) &* Self.prime1
                i += 1
            }
        }
        hash ^= hash >> 33
        hash &*= Self.prime2
        hash ^= hash >> 29
        hash &*= Self.prime3
        hash ^= hash >> 32
        return hash
    }

    @inline(__always)
    private mutating func stripe(_ bytes: UnsafeRawPointer) {
        a = round(a, UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)))
        b = round(b, UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        c = round(c, UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)))
        d = round(d, UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self)))
    }

    @inline(__always)
    private func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
        rotate(lane &+ input &* Self.prime2, 31) &* Self.prime1
    }

    @inline(__always)
    private func rotate(_ x: UInt64, _ count: UInt64) -> UInt64 { x << count | x >> (64 - count) }
}
