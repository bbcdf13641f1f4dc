import Bench
import Testing

@Suite struct VecsFileTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private func row(_ values: [Float]) -> [UInt8] { bytes(of: [Int32(values.count)]) + bytes(of: values) }

    @Test func readsRows() throws {
        let path = try scratch.write(row([1, 2, 3]) + row([4, 5, 6]), as: "a.fvecs")
        let matrix = try MappedMatrix.open(path)
        #expect(matrix.rows == 2 && matrix.columns == 3)
        #expect(try matrix.floats(1) == [4, 5, 6])
        let ids = try scratch.write(bytes(of: [2, 10, 11, 2, 12, -1] as [Int32]), as: "a.ivecs")
        #expect(try MappedMatrix.open(ids).integers(1) == [12, -1])
    }

    @Test func refusesDamage() throws {
        let good = row([1, 2, 3]) + row([4, 5, 6])
        let cases: [(String, [UInt8])] = [
            ("no whole number of rows", Array(good.dropLast())),
            ("no whole number of rows", good + [0]),
            (
                "row 1 has 4 elements",
                row([1, 2, 3]) + bytes(of: [4 as Int32]) + bytes(of: [1, 2, 3] as [Float])
            ),
            ("impossible row length 0", bytes(of: [0, 0] as [Int32])),
            ("impossible row length -1", bytes(of: [-1, 0] as [Int32])),
            ("impossible row length 2147483647", bytes(of: [Int32.max, 0])),
            ("cut off", [1, 0]),
            ("empty", []),
        ]
        for (sentence, file) in cases {
            let message = refusal { try MappedMatrix.open(scratch.write(file, as: "a.fvecs")) }
            #expect(message.contains(sentence), "\(message)")
        }
    }
}
