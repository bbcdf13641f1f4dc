import VectorIndex

/// Makes an index file that was changed look whole, by what `docs/FORMAT-index.md` says.
package enum IndexFileForgery {
    package static let headerBytes = 208
    private static let hashesOffset = 128
    private static let ownHashOffset = 200

    /// Recomputes the hashes of the sections, as far as the header's sizes fit the file, and the header's own.
    package static func mend(_ bytes: inout [UInt8]) {
        guard bytes.count >= headerBytes else { return }
        var offset = headerBytes
        for (i, size) in sectionSizes(bytes).enumerated() {
            guard size >= 0, size <= bytes.count - offset else { break }
            put(XXH64.hash(Array(bytes[offset..<offset + size])), at: hashesOffset + 8 * i, &bytes)
            offset += size
        }
        put(XXH64.hash(Array(bytes[..<ownHashOffset])), at: ownHashOffset, &bytes)
    }

    /// Bytes of the sections, in their order.
    package static func sectionSizes(_ bytes: [UInt8]) -> [Int] {
        func word<T: FixedWidthInteger>(_ offset: Int, _: T.Type) -> Int {
            Int(truncatingIfNeeded: bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: T.self) })
        }
        let slots = word(40, UInt64.self)
        let quantizer = word(64, UInt64.self)
        return [
            quantizer, word(80, UInt64.self), slots &* word(36, UInt32.self), slots &* word(88, UInt64.self),
            quantizer == 0 ? 0 : slots &* 4, word(96, UInt64.self), slots &* word(18, UInt16.self) &* 8,
            word(72, UInt64.self), word(104, UInt64.self) &* 4,
        ]
    }

    /// Changes the file as somebody would who knows the format: one of its numbers, bytes of a section, its length. The hashes
    /// fit afterwards.
    package static func forge(_ bytes: inout [UInt8], using random: inout some RandomNumberGenerator) {
        guard bytes.count > headerBytes else { return }
        func number(below end: Int) -> Int { Int.random(in: 0..<end, using: &random) }
        let sections = sectionSizes(bytes)
        let slots = UInt32(clamping: bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 40, as: UInt64.self) })
        switch number(below: 10) {
        case 0: bytes[8 + number(below: 112)] = UInt8(number(below: 256))
        case 1:
            // A number of 8 bytes, by a little.
            let place = 40 + 8 * number(below: 9)
            bytes[place] = bytes[place] &+ (number(below: 2) == 0 ? 1 : 255)
        case 2: bytes.removeLast(number(below: bytes.count - headerBytes))
        case 3: bytes += [UInt8](repeating: UInt8(number(below: 256)), count: 4 * (1 + number(below: 100)))
        case 4:
            // Words anywhere: links, levels, slots.
            for _ in 0..<1 + number(below: 8) {
                let value: UInt32 =
                    switch number(below: 4) {
                    case 0: .max
                    case 1: .random(in: .min ... .max, using: &random)
                    case 2: UInt32(number(below: 40))
                    default: .random(in: 0..<max(slots, 1), using: &random)
                    }
                put(value, at: headerBytes + 4 * number(below: (bytes.count - headerBytes) / 4), &bytes)
            }
        default:
            // Other links in the places of links, a few or many.
            guard slots > 0, sections.allSatisfy({ 0...bytes.count ~= $0 }), sections[6] >= 4 * Int(slots) else {
                break
            }
            let first = headerBytes + sections[..<6].reduce(0, +)
            let words = sections[6] / 4
            guard first + sections[6] <= bytes.count else { break }
            let most = [10, 100, words / 20, words][number(below: 4)]
            let range = number(below: 3) == 0 ? UInt32(1)...min(slots, 4) : 1...slots
            for _ in 0..<most {
                let place = first + 4 * number(below: words)
                if bytes[place..<place + 4].allSatisfy({ $0 == 0xFF }) { continue }
                let own = UInt32((place - first) / (sections[6] / Int(slots)))
                let link = UInt32.random(in: range, using: &random) - 1
                if link != own { put(link, at: place, &bytes) }
            }
        }
        mend(&bytes)
    }

    private static func put<T: FixedWidthInteger>(_ value: T, at offset: Int, _ bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { word in
            bytes.replaceSubrange(offset..<offset + word.count, with: word)
        }
    }
}

package enum XXH64 {
    package static func hash(_ bytes: [UInt8]) -> UInt64 {
        var hash = Hash64()
        bytes.withUnsafeBytes { hash.update($0) }
        return hash.value
    }
}
