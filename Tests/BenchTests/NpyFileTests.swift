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

    /// A damaged header is refused, or means what it says; damaged values are read as they stand, and no others.
    @Test func survivesDamage() throws {
        var random = SeededGenerator("NpyFileTests.survivesDamage")
        let good = npy(npyHeader("<f4", "4, 3"), bytes(of: (0..<12).map(Float.init)))
        let data = good.count - 48
        var refused = 0
        var read = 0
        for number in 0..<2000 {
            let copy = damaged(good, &random)
            let path = try scratch.write(copy, as: "\(number).npy")
            defer { try? FileManager.default.removeItem(atPath: path) }
            let note: Comment = "TRENDEX_SEED=\(random.seed), copy \(number): \(copy)"
            guard let matrix = try unlessRefused(path, note, { try MappedMatrix.open(path) }) else {
                refused += 1
                #expect(copy.count < good.count || copy[..<data] != good[..<data], note)
                continue
            }
            read += 1
            try expectHonest(matrix, copy, note)
            let header = try #require(SaidByHeader(copy), note)
            #expect(SaidByHeader(matrix) == header, note)
        }
        // Of the damage some is to the values alone, and most is to the header or the length.
        #expect(refused > 800 && read > 200, "\(refused) refused, \(read) read")
    }

    /// What a .npy file's header says, read by a regular expression.
    private struct SaidByHeader: Equatable {
        let descriptor: String
        let shape: [Int]
        let offset: Int

        init?(_ file: [UInt8]) {
            guard file.count >= 12, Array(file[..<6]) == [0x93] + Array("NUMPY".utf8) else { return nil }
            let isFirst = file[6] == 1
            let length = (0..<(isFirst ? 2 : 4)).reduce(0) { $0 | Int(file[8 + $1]) << (8 * $1) }
            offset = (isFirst ? 10 : 12) + length
            guard (1...3).contains(file[6]), offset <= file.count else { return nil }
            let header = String(decoding: file[(offset - length)..<offset], as: UTF8.self)
            guard
                header.contains(/'fortran_order': *False/),
                let descriptor = header.firstMatch(of: /'descr': *'(<f2|<f4|<i4|<i8)'/),
                let tuple = header.firstMatch(of: /'shape': *\(([^)]*)\)/)
            else { return nil }
            self.descriptor = String(descriptor.1)
            let numbers = tuple.1.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            let axes = numbers.compactMap(Int.init)
            guard axes.count == numbers.count(where: { !$0.isEmpty }) else { return nil }
            // One axis is read as a column.
            shape = axes.count == 1 ? axes + [1] : axes
        }

        init(_ matrix: MappedMatrix) {
            descriptor =
                switch matrix.element {
                case .float16: "<f2"
                case .float32: "<f4"
                case .int32: "<i4"
                case .int64: "<i8"
                }
            shape = [matrix.rows, matrix.columns]
            offset = matrix.offset
        }
    }
}
