import Foundation

/// NumPy's array file, versions 1 to 3: one- or two-dimensional, C order, little-endian.
/// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
package enum NpyFile {
    /// Throws `BenchError` for a damaged file, and for element types and orders other than the named ones.
    package static func open(_ path: String) throws -> MappedMatrix {
        let file = try MappedFile(path)
        guard file.count >= 10, try Array(file.bytes(at: 0, count: 6)) == [0x93] + Array("NUMPY".utf8) else {
            throw BenchError("\(path): is not a .npy file")
        }
        let version = try file.integer(UInt8.self, at: 6)
        guard (1...3).contains(version) else { throw BenchError("\(path): .npy version \(version) is not known") }
        let start = version == 1 ? 10 : 12
        let length =
            version == 1 ? Int(try file.integer(UInt16.self, at: 8)) : Int(try file.integer(UInt32.self, at: 8))
        let header = String(decoding: try file.bytes(at: start, count: length), as: UTF8.self)
        let (descriptor, isFortran, shape) = try parse(header, path: path)
        guard !isFortran else { throw BenchError("\(path): is in Fortran order; save it with numpy.ascontiguousarray") }
        let element: MappedMatrix.Element
        switch descriptor {
        case "<f2": element = .float16
        case "<f4": element = .float32
        case "<i4": element = .int32
        case "<i8": element = .int64
        default:
            throw BenchError("\(path): element type \(descriptor) is not supported (only <f2, <f4, <i4 and <i8)")
        }
        guard shape.count == 1 || shape.count == 2 else {
            throw BenchError("\(path): has \(shape.count) axes; one or two are supported")
        }
        return try MappedMatrix(
            file: file, element: element, rows: shape[0], columns: shape.count == 2 ? shape[1] : 1,
            offset: start + length)
    }

    /// Reads the three fields of the header, a Python dict literal.
    private static func parse(_ header: String, path: String) throws -> (String, Bool, [Int]) {
        let damaged = BenchError("\(path): damaged .npy header")
        func value(after key: String) throws -> Substring {
            guard let range = header.range(of: "'\(key)':") else { throw damaged }
            return header[range.upperBound...].drop { $0 == " " }
        }
        let quoted = try value(after: "descr")
        guard quoted.first == "'", let end = quoted.dropFirst().firstIndex(of: "'") else {
            throw BenchError("\(path): structured elements are not supported")
        }
        let order = try value(after: "fortran_order")
        guard order.hasPrefix("True") || order.hasPrefix("False") else { throw damaged }
        let tuple = try value(after: "shape")
        guard tuple.first == "(", let close = tuple.firstIndex(of: ")") else { throw damaged }
        let shape = try tuple[tuple.index(after: tuple.startIndex)..<close].split(separator: ",").compactMap { part in
            let text = part.trimmingCharacters(in: .whitespaces)
            if text.isEmpty { return Int?.none }
            guard let axis = Int(text), axis >= 0 else { throw damaged }
            return axis
        }
        return (String(quoted[quoted.index(after: quoted.startIndex)..<end]), order.hasPrefix("True"), shape)
    }

    /// Writes int64 values in C order. `shape`'s product must be the number of values.
    package static func write(_ values: [Int64], shape: [Int], to path: String) throws {
        precondition(shape.reduce(1, *) == values.count)
        try values.map(\.littleEndian).withUnsafeBytes { try write($0, descriptor: "<i8", shape: shape, to: path) }
    }

    /// Writes rows as float32, rows × dimensions.
    package static func write(_ rows: FloatRows, to path: String) throws {
        let bytes = UnsafeRawBufferPointer(start: rows.base, count: rows.count * rows.dimensions * 4)
        try write(bytes, descriptor: "<f4", shape: [rows.count, rows.dimensions], to: path)
    }

    /// `bytes` are little-endian, as on every machine that the kernels are written for.
    private static func write(
        _ bytes: UnsafeRawBufferPointer, descriptor: String, shape: [Int], to path: String
    ) throws {
        let axes = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        var header = "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': (\(axes)), }"
        // Header and prefix together are a multiple of 64 bytes, ended by a newline.
        header += String(repeating: " ", count: (64 - (header.utf8.count + 11) % 64) % 64) + "\n"
        var data = Data([0x93])
        data.append(contentsOf: "NUMPY".utf8)
        data.append(contentsOf: [1, 0, UInt8(header.utf8.count & 0xFF), UInt8(header.utf8.count >> 8)])
        data.append(contentsOf: header.utf8)
        data.append(contentsOf: bytes)
        do {
            try data.write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw BenchError("\(path): can't be written: \(error.localizedDescription)")
        }
    }
}
