/// The part of HDF5 that ann-benchmarks' files use: named datasets in the root group, stored contiguously.
///
/// Superblocks 0 to 3, both forms of object headers and of (compact) groups. Chunked, compressed and external storage
/// are refused by name. Format: https://docs.hdfgroup.org/hdf5/develop/_f_m_t3.html
package struct HDF5File {
    static let undefinedAddress = UInt64.max
    /// Corrupt files may hold cycles of blocks, or blocks that overlap; no honest one of this kind comes near this many.
    static let blockLimit = 4096
    /// The same for the entries of all blocks together.
    static let entryLimit = 65_536
    static let nameLimit = 1024

    let file: MappedFile
    /// Address of each dataset's or group's object header, by name.
    package private(set) var objects: [String: Int] = [:]

    /// Throws `BenchError` for a file that is damaged or uses what is not supported.
    package init(_ path: String) throws {
        file = try MappedFile(path)
        let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
        guard file.count >= 48, try Array(file.bytes(at: 0, count: 8)) == signature else {
            throw BenchError("\(path): is not an HDF5 file")
        }
        let version = try file.integer(UInt8.self, at: 8)
        let sizesAt = version < 2 ? 13 : 9
        guard try file.integer(UInt8.self, at: sizesAt) == 8, try file.integer(UInt8.self, at: sizesAt + 1) == 8 else {
            throw unsupported("offsets of other than 8 bytes")
        }
        let root: Int
        switch version {
        case 0: root = try address(at: 64)
        case 1: root = try address(at: 68)
        case 2, 3: root = try address(at: 36)
        default: throw unsupported("superblock version \(version)")
        }
        for message in try messages(ofObjectAt: root) {
            switch message.kind {
            case .symbolTable: try readSymbolTable(message)
            case .link: try readLink(message)
            case .linkInfo: try refuseDenseLinks(message)
            default: break
            }
        }
    }

    /// The dataset `name` as a matrix; throws when it isn't there, or isn't a contiguous 1- or 2-axis array.
    package func matrix(_ name: String) throws -> MappedMatrix {
        guard let header = objects[name] else {
            throw BenchError("\(file.path): has no dataset \(name); it has \(objects.keys.sorted())")
        }
        var shape: [Int]?
        var element: MappedMatrix.Element?
        var offset: Int?
        for message in try messages(ofObjectAt: header) {
            switch message.kind {
            case .dataspace: shape = try readShape(message)
            case .datatype: element = try readElement(message, dataset: name)
            case .layout: offset = try readOffset(message, dataset: name)
            case .filters: throw unsupported("filters (compression) of dataset \(name)")
            default: break
            }
        }
        guard let shape, let element, let offset, shape.count == 1 || shape.count == 2 else {
            throw BenchError("\(file.path): \(name) is not an array of one or two axes")
        }
        return try MappedMatrix(
            file: file, element: element, rows: shape[0], columns: shape.count == 2 ? shape[1] : 1, offset: offset)
    }

    func unsupported(_ what: String) -> BenchError { BenchError("\(file.path): HDF5 \(what) is not supported") }

    func tooMany(_ what: String) -> BenchError { BenchError("\(file.path): damaged: too many \(what)") }

    func address(at offset: Int) throws -> Int {
        let value = try file.integer(UInt64.self, at: offset)
        guard value <= UInt64(file.count) else {
            throw BenchError("\(file.path): damaged: address \(value) at byte \(offset) lies behind the end")
        }
        return Int(value)
    }

    // MARK: Groups

    /// The older form: a B-tree of symbol table nodes, names in a local heap.
    private mutating func readSymbolTable(_ message: Message) throws {
        let heap = try address(at: message.offset + 8)
        try expect("HEAP", at: heap)
        let names = try address(at: heap + 24)
        var pending = [try address(at: message.offset)]
        var visited = 0
        var read = 0
        while let node = pending.popLast() {
            visited += 1
            guard visited <= Self.blockLimit, pending.count <= Self.entryLimit else { throw tooMany("group blocks") }
            try expect("TREE", at: node)
            let level = try file.integer(UInt8.self, at: node + 5)
            let entries = Int(try file.integer(UInt16.self, at: node + 6))
            for entry in 0..<entries {
                let child = try address(at: node + 24 + 8 + entry * 16)
                if level > 0 { pending.append(child) } else { read += try readSymbolNode(child, names: names) }
                guard read <= Self.entryLimit else { throw tooMany("links") }
            }
        }
    }

    /// Returns how many links the node has.
    private mutating func readSymbolNode(_ node: Int, names: Int) throws -> Int {
        try expect("SNOD", at: node)
        let entries = Int(try file.integer(UInt16.self, at: node + 6))
        for entry in 0..<entries {
            let at = node + 8 + entry * 40
            let name = names + (try address(at: at))
            var end = name
            while try file.integer(UInt8.self, at: end) != 0 {
                end += 1
                guard end - name <= Self.nameLimit else { throw tooMany("bytes in the name of a link") }
            }
            objects[String(decoding: try file.bytes(at: name, count: end - name), as: UTF8.self)] =
                try address(at: at + 8)
        }
        return entries
    }

    /// The newer form: one message a link.
    private mutating func readLink(_ message: Message) throws {
        var at = message.offset + 2
        let flags = try file.integer(UInt8.self, at: message.offset + 1)
        if flags & 8 != 0 {
            guard try file.integer(UInt8.self, at: at) == 0 else { return }  // Soft or external: not followed.
            at += 1
        }
        if flags & 4 != 0 { at += 8 }
        if flags & 16 != 0 { at += 1 }
        let width = 1 << Int(flags & 3)
        var length = 0
        for byte in 0..<min(width, 4) { length |= Int(try file.integer(UInt8.self, at: at + byte)) << (8 * byte) }
        at += width
        let name = String(decoding: try file.bytes(at: at, count: length), as: UTF8.self)
        objects[name] = try address(at: at + length)
    }

    private func refuseDenseLinks(_ message: Message) throws {
        let flags = try file.integer(UInt8.self, at: message.offset + 1)
        let heap = try file.integer(UInt64.self, at: message.offset + 2 + (flags & 1 != 0 ? 8 : 0))
        if heap != Self.undefinedAddress { throw unsupported("dense storage of links") }
    }

    private func expect(_ signature: String, at offset: Int) throws {
        guard try Array(file.bytes(at: offset, count: 4)) == Array(signature.utf8) else {
            throw BenchError("\(file.path): damaged: no \(signature) block at byte \(offset)")
        }
    }
}
