extension HDF5File {
    /// A header message: where its data lie.
    struct Message {
        enum Kind: UInt16 {
            case dataspace = 0x01, linkInfo = 0x02, datatype = 0x03, link = 0x06, layout = 0x08, filters = 0x0B
            case continuation = 0x10, symbolTable = 0x11
        }
        let kind: Kind?
        let offset: Int
        let count: Int
    }

    /// The messages of an object header of either version, continuation blocks included.
    func messages(ofObjectAt header: Int) throws -> [Message] {
        var found: [Message] = []
        // Blocks of messages still to be read, as byte ranges.
        var blocks: [(start: Int, count: Int)] = []
        let isNew = try Array(file.bytes(at: header, count: 4)) == Array("OHDR".utf8)
        var tracksOrder = false
        if isNew {
            let flags = try file.integer(UInt8.self, at: header + 5)
            tracksOrder = flags & 4 != 0
            var at = header + 6 + (flags & 32 != 0 ? 16 : 0) + (flags & 16 != 0 ? 4 : 0)
            let width = 1 << Int(flags & 3)
            var size = 0
            for byte in 0..<min(width, 4) { size |= Int(try file.integer(UInt8.self, at: at + byte)) << (8 * byte) }
            at += width
            blocks = [(at, size)]
        } else {
            guard try file.integer(UInt8.self, at: header) == 1 else {
                throw BenchError("\(file.path): damaged: no object header at byte \(header)")
            }
            blocks = [(header + 16, Int(try file.integer(UInt32.self, at: header + 8)))]
        }
        let prefix = isNew ? (tracksOrder ? 6 : 4) : 8
        var read = 0
        var messages = 0
        while let block = blocks.popLast() {
            read += 1
            guard read <= Self.blockLimit else { throw tooMany("header blocks") }
            _ = try file.bytes(at: block.start, count: block.count)
            var at = block.start
            while at + prefix <= block.start + block.count {
                let type = isNew ? UInt16(try file.integer(UInt8.self, at: at)) : try file.integer(UInt16.self, at: at)
                let count = Int(try file.integer(UInt16.self, at: at + (isNew ? 1 : 2)))
                let flags = try file.integer(UInt8.self, at: at + (isNew ? 3 : 4))
                let message = Message(kind: Message.Kind(rawValue: type), offset: at + prefix, count: count)
                _ = try file.bytes(at: message.offset, count: count)
                at = message.offset + count
                messages += 1
                guard messages <= Self.entryLimit else { throw tooMany("header messages") }
                guard let kind = message.kind else { continue }
                guard flags & 2 == 0 else { throw unsupported("shared header message") }
                if kind == .continuation {
                    let start = try address(at: message.offset)
                    let length = try address(at: message.offset + 8)
                    // The newer form wraps the messages in a signature and a checksum.
                    blocks.append(isNew ? (start + 4, length - 8) : (start, length))
                } else {
                    found.append(message)
                }
            }
        }
        return found
    }

    func readShape(_ message: Message) throws -> [Int] {
        let version = try file.integer(UInt8.self, at: message.offset)
        guard version == 1 || version == 2 else { throw unsupported("dataspace version \(version)") }
        let axes = Int(try file.integer(UInt8.self, at: message.offset + 1))
        return try (0..<axes).map { axis in
            let size = try file.integer(UInt64.self, at: message.offset + (version == 1 ? 8 : 4) + axis * 8)
            guard let size = Int(exactly: size) else { throw BenchError("\(file.path): damaged: axis of \(size)") }
            return size
        }
    }

    func readElement(_ message: Message, dataset: String) throws -> MappedMatrix.Element {
        let kind = try file.integer(UInt8.self, at: message.offset) & 0x0F
        let bits = try file.integer(UInt8.self, at: message.offset + 1)
        let size = try file.integer(UInt32.self, at: message.offset + 4)
        let isLittleEndian = bits & 1 == 0 && (kind != 1 || bits & 0x40 == 0)
        switch (kind, size, isLittleEndian) {
        case (1, 2, true): return .float16
        case (1, 4, true): return .float32
        case (0, 4, true) where bits & 8 != 0: return .int32
        case (0, 8, true) where bits & 8 != 0: return .int64
        default:
            throw unsupported(
                "element type of \(dataset) (class \(kind), \(size) bytes; float16, float32, int32 and int64 are known)"
            )
        }
    }

    /// The byte at which a contiguous dataset begins.
    func readOffset(_ message: Message, dataset: String) throws -> Int {
        let version = try file.integer(UInt8.self, at: message.offset)
        guard version == 3 || version == 4 else { throw unsupported("layout version \(version) of \(dataset)") }
        switch try file.integer(UInt8.self, at: message.offset + 1) {
        case 1:
            guard try file.integer(UInt64.self, at: message.offset + 2) != Self.undefinedAddress else {
                throw BenchError("\(file.path): \(dataset) was never written")
            }
            return try address(at: message.offset + 2)
        case 0: return message.offset + 4
        default: throw unsupported("chunked storage of \(dataset)")
        }
    }
}
