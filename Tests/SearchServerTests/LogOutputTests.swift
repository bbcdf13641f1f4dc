import Foundation
import SearchServer
import Synchronization
import Testing

@Suite struct LogOutputTests {
    private func line(_ number: Int) -> [UInt8] {
        Array("line \(number) \(String(repeating: "x", count: 1_000))\n".utf8)
    }

    /// Whoever logs goes on, whether the lines can be written or not.
    @Test func aFullDiskLosesLines() throws {
        let full = open("/dev/full", O_WRONLY)
        try #require(full >= 0)
        defer { close(full) }
        let output = LogOutput(descriptor: full)
        for number in 0..<10 { output.write(line(number)) }
        output.flush(within: .seconds(60))
        #expect(output.lostLines == 10)
    }

    @Test func aReaderThatDoesNotReadHoldsUpNobody() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let (reading, writing) = (ends[0], ends[1])
        defer {
            close(reading)
            close(writing)
        }
        let output = LogOutput(descriptor: writing)
        let count = 20_000
        for number in 0..<count { output.write(line(number)) }
        let lost = output.lostLines
        #expect(lost > 0 && lost < count)
        let last = line(count)
        let read = Mutex<[UInt8]>([])
        let isRead = DispatchSemaphore(value: 0)
        Thread {
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while !bytes.suffix(last.count).elementsEqual(last) {
                let size = Glibc.read(reading, &buffer, buffer.count)
                guard size > 0 else { break }
                bytes += buffer[..<size]
            }
            read.withLock { [bytes] in $0 = bytes }
            isRead.signal()
        }.start()
        // Room for the last line.
        output.flush(within: .seconds(60))
        output.write(last)
        isRead.wait()
        let lines = String(decoding: read.withLock { $0 }, as: UTF8.self).split(separator: "\n")
        let notices = lines.compactMap {
            $0.hasSuffix(" lines of the log were lost") ? Int($0.prefix { $0 != " " }) : nil
        }
        #expect(!notices.isEmpty && notices.reduce(0, +) == lost)
        #expect(lines.count == count + 1 - lost + notices.count)
    }
}
