import Foundation

enum TemporaryFolder {
    /// Makes a folder, hands its path to `body`, and removes it with all that is in it.
    static func use<Result>(_ body: (String) throws -> Result) throws -> Result {
        var template = Array((NSTemporaryDirectory() + "/trendex-bench-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw BenchError("\(NSTemporaryDirectory()): no temporary folder: \(String(cString: strerror(errno)))")
        }
        let path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try body(path)
    }
}
