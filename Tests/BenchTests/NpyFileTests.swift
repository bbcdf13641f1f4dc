import Bench
import Foundation
import TestSupport
import Testing

@Suite struct NpyFileTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private func open(_ bytes: [UInt8]) throws -> MappedMatrix {
        try MappedMatrix.open(scratch.write(bytes, as: "a.npy"))
    }

    @Test func readsEveryElementType() throws {
        let floats = try open(npy(npyHeader("<f4", "2, 3"), bytes(of: [1, 2, 3, 4, 5, 6.5] as [Float])))
        #expect(try floats.floats(1) == [4, 5, 6.5])
        let halves = try open(npy(npyHeader("<f2", "1, 2"), bytes(of: [0.5, -2] as [Float16])))
        #expect(try halves.floats(0) == [0.5, -2])
        let short = try open(npy(npyHeader("<i4", "2, 2"), bytes(of: [1, -1, 7, .max] as [Int32])))
        #expect(try short.integers(1) == [7, Int(Int32.max)])
        let long = try open(npy(npyHeader("<i8", "3,"), bytes(of: [5, .min, -1] as [Int64])))
        #expect(long.rows == 3 && long.columns == 1)
        #expect(try (0..<3).map { try long.integers($0)[0] } == [5, .min, -1])
    }

    @Test(arguments: [UInt8(1), 2, 3]) func readsEveryVersion(version: UInt8) throws {
        let matrix = try open(npy(npyHeader("<f4", "1, 1"), bytes(of: [3 as Float]), version: version))
        #expect(try matrix.floats(0) == [3])
    }

    @Test func readsWhatItWrites() throws {
        let path = scratch.folder + "/ids.npy"
        let values = (0..<24).map { Int64($0) * -1_000_000_007 }
        try NpyFile.write(values, shape: [24], to: path)
        let matrix = try MappedMatrix.open(path)
        #expect(matrix.offset % 64 == 0)
        #expect(try (0..<24).map { Int64(try matrix.integers($0)[0]) } == values)
    }

    @Test func readsTheRowsThatItWrites() throws {
        let values: [[Float]] = [[1, -2.5, 3e-30], [4, 5, 6]]
        let path = scratch.folder + "/rows.npy"
        try NpyFile.write(FloatRows(count: 2, dimensions: 3, normalising: false) { values[$0] }, to: path)
        let matrix = try MappedMatrix.open(path)
        #expect(matrix.element == .float32 && matrix.rows == 2 && matrix.columns == 3)
        #expect(try (0..<2).map { try matrix.floats($0) } == values)
    }

    @Test func numbersOfTheWrongKindAreRefused() throws {
        let floats = try open(npy(npyHeader("<f4", "1, 1"), bytes(of: [1 as Float])))
        #expect(refusal { try floats.integers(0) }.contains("float32 elements where int32"))
        let path = try scratch.write(npy(npyHeader("<i4", "1, 1"), bytes(of: [1 as Int32])), as: "b.npy")
        let integers = try MappedMatrix.open(path)
        #expect(refusal { try integers.floats(0) }.contains("int32 elements where float16"))
    }

    static let refused: [(String, [UInt8])] = [
        ("is not a .npy file", Array("PK\u{3}\u{4} a zip archive".utf8)),
        ("is not a .npy file", [0x93]),
        ("version 9", npy(npyHeader("<f4", "1, 1"), [0, 0, 0, 0], version: 9)),
        ("Fortran order", npy(npyHeader("<f4", "1, 1", fortran: "True"), [0, 0, 0, 0])),
        ("element type >f4", npy(npyHeader(">f4", "1, 1"), [0, 0, 0, 0])),
        ("element type |O", npy(npyHeader("|O", "1, 1"), [0, 0, 0, 0])),
        ("structured", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", [0, 0, 0, 0])),
        ("3 axes", npy(npyHeader("<f4", "1, 1, 1"), [0, 0, 0, 0])),
        ("0 axes", npy(npyHeader("<f4", ""), [0, 0, 0, 0])),
        ("impossible shape", npy(npyHeader("<f4", "0, 3"))),
        ("impossible shape", npy(npyHeader("<f4", "3, 0"))),
        ("cut off", npy(npyHeader("<f4", "2, 3"), [UInt8](repeating: 0, count: 23))),
        ("damaged", npy(npyHeader("<f4", "-1, 3"), [0, 0, 0, 0])),
        ("damaged", npy(npyHeader("<f4", "99999999999999999999, 3"), [0, 0, 0, 0])),
        ("impossible shape", npy(npyHeader("<f4", "1, 9223372036854775807"), [0, 0, 0, 0])),
        ("cut off", npy(npyHeader("<f4", "9223372036854775807, 1"), [0, 0, 0, 0])),
        ("damaged", npy("{'descr': '<f4', 'shape': (1, 1), }", [0, 0, 0, 0])),
        ("damaged", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1", [0, 0, 0, 0])),
        ("damaged", npy("", [])),
        // The header says that it is longer than the file.
        ("cut off", [0x93] + Array("NUMPY".utf8) + [1, 0, 0xFF, 0xFF]),
        ("cut off", [0x93] + Array("NUMPY".utf8) + [2, 0, 0xFF, 0xFF, 0xFF, 0xFF]),
    ]

    @Test(arguments: refused) func refuses(sentence: String, file: [UInt8]) throws {
        let message = refusal { try open(file) }
        #expect(message.contains(sentence), "\(message)")
        #expect(message.contains("a.npy"))
    }

    @Test func refusesWhatIsNoFile() throws {
        #expect(refusal { try MappedMatrix.open(scratch.folder + "/none.npy") }.contains("No such file"))
        #expect(refusal { try MappedMatrix.open(scratch.folder + "/none.txt") }.contains("unknown kind of file"))
        #expect(refusal { try NpyFile.open(scratch.folder) }.contains("not a regular file"))
        #expect(refusal { try open([]) }.contains("empty"))
    }

    @Test func survivesDamage() throws {
        var random = SeededGenerator("NpyFileTests.survivesDamage")
        let good = npy(npyHeader("<f4", "4, 3"), bytes(of: (0..<12).map(Float.init)))
        for number in 0..<2000 {
            let path = try scratch.write(damaged(good, &random), as: "\(number).npy")
            do { try readAll(MappedMatrix.open(path)) } catch is BenchError {}
            try FileManager.default.removeItem(atPath: path)
        }
    }
}
