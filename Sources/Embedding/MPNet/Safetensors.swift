import JSON

/// The tensors of a safetensors file: a length in 8 bytes, a JSON object that names type, shape and place of each, and the
/// numbers (https://huggingface.co/docs/safetensors, "Format").
///
/// The header is checked whole before a number is read: its length against the file, every place against the rest of the
/// file and against shape and type, and all places against each other; the format allows neither overlaps nor holes.
struct Safetensors: Sendable {
    struct Tensor: Sendable, Equatable {
        /// As the file spells it, such as `F32`.
        var type: String
        var shape: [Int]
        /// Bytes of the file.
        var range: Range<Int>
    }

    /// The longest header that the format's own library reads is 100 MB; a hundredth is thirty times what models of this kind
    /// have.
    static let longestHeader = 1 << 20
    private static let mostTensors = 4_096
    private static let mostAxes = 8
    private static let bytesOfElement = [
        "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2, "I8": 1,
        "U8": 1,
        "BOOL": 1,
    ]

    let tensors: [ByteString: Tensor]

    init(_ file: ModelFile) throws(EmbeddingError) {
        func invalid(_ reason: String) -> EmbeddingError { .invalidModelFolder(reason: "\(file.name): \(reason)") }
        guard file.size >= 8 else { throw invalid("\(file.size) bytes are no safetensors file") }
        var length: UInt64 = 0
        try withUnsafeMutableBytes(of: &length) { buffer throws(EmbeddingError) in try file.read(into: buffer, at: 0) }
        length = UInt64(littleEndian: length)
        guard length <= UInt64(Self.longestHeader), length <= UInt64(file.size - 8) else {
            throw invalid("a header of \(length) bytes in a file of \(file.size)")
        }
        var header = [UInt8](repeating: 0, count: Int(length))
        try file.read(into: &header, at: 8)
        do { tensors = try Self.tensors(header: header, dataStart: 8 + Int(length), fileSize: file.size) } catch {
            throw invalid("\(error)")
        }
    }

    private static func tensors(
        header: [UInt8], dataStart: Int, fileSize: Int
    ) throws -> [ByteString: Tensor] {
        var tensors: [ByteString: Tensor] = [:]
        try JSONReader.parse(header, maximumDepth: 4) { reader in
            try reader.readObject { reader, key in
                guard key != "__metadata__" else { return try reader.skipValue() }
                let value = try reader.readValue()
                guard tensors.count < mostTensors else { throw reader.error("more than \(mostTensors) tensors") }
                let tensor = try Self.tensor(value, dataStart: dataStart, fileSize: fileSize) { reason in
                    reader.error("the tensor \(key.prefix(200)) has \(reason)")
                }
                guard tensors.updateValue(tensor, forKey: ByteString(key)) == nil else {
                    throw reader.error("the tensor \(key.prefix(200)) is there twice")
                }
            }
        }
        var end = dataStart
        for (name, tensor) in tensors.sorted(by: {
            ($0.value.range.lowerBound, $0.value.range.upperBound) < (
                $1.value.range.lowerBound, $1.value.range.upperBound
            )
        }) {
            guard tensor.range.lowerBound == end else {
                throw Misplaced(name: name.string, overlaps: tensor.range.lowerBound < end)
            }
            end = tensor.range.upperBound
        }
        guard end == fileSize else { throw Misplaced(name: nil, overlaps: false) }
        return tensors
    }

    private struct Misplaced: Error, CustomStringConvertible {
        var name: String?
        var overlaps: Bool
        var description: String {
            guard let name else { return "bytes that belong to no tensor at the end" }
            return overlaps ? "the tensor \(name) overlaps another" : "bytes that belong to no tensor before \(name)"
        }
    }

    private static func tensor(
        _ value: JSONValue, dataStart: Int, fileSize: Int, _ error: (String) -> JSONError
    ) throws -> Tensor {
        guard let type = value["dtype"]?.stringValue, let elementBytes = bytesOfElement[type] else {
            throw error("no known dtype")
        }
        guard let axes = value["shape"]?.arrayValue, axes.count <= mostAxes else { throw error("no shape") }
        var shape: [Int] = []
        var bytes = elementBytes
        for axis in axes {
            guard let length = axis.integerValue.flatMap({ Int(exactly: $0) }), length >= 0 else {
                throw error("a shape that is no list of lengths")
            }
            let (product, overflow) = bytes.multipliedReportingOverflow(by: length)
            guard !overflow else { throw error("a shape of too many elements") }
            bytes = product
            shape.append(length)
        }
        guard let offsets = value["data_offsets"]?.arrayValue, offsets.count == 2,
            let start = offsets[0].integerValue.flatMap({ Int(exactly: $0) }),
            let end = offsets[1].integerValue.flatMap({ Int(exactly: $0) }),
            start >= 0, start <= end, end <= fileSize - dataStart
        else { throw error("data_offsets outside of the file") }
        guard end - start == bytes else {
            throw error("\(end - start) bytes, where dtype and shape make \(bytes)")
        }
        return Tensor(type: type, shape: shape, range: dataStart + start..<dataStart + end)
    }
}
