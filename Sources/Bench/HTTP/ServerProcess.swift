import Foundation
import JSON

/// A `trendex serve` of our own, on a free port, that ends with the object.
final class ServerProcess {
    let endpoint: HTTPEndpoint
    /// Seconds from the start of the process to its first answer to a search.
    private(set) var secondsToFirstAnswer = 0.0
    private let process = Process()
    private let log: String

    var processID: Int32 { process.processIdentifier }

    var memory: ProcessMemory { get throws { try ProcessMemory.of(processID: process.processIdentifier) } }

    /// Starts `executable` on a storage folder and waits until it answers `probe`, a whole search request's path and body.
    init(executable: String, storage: String, log: String, probe: (path: String, body: [UInt8])) throws {
        guard FileManager.default.isExecutableFile(atPath: executable) else {
            throw BenchError("\(executable): is not there; build it with `make build`, or give --server or --url")
        }
        let port = try Self.freePort()
        endpoint = HTTPEndpoint(host: "127.0.0.1", port: port)
        self.log = log
        guard FileManager.default.createFile(atPath: log, contents: nil), let output = FileHandle(forWritingAtPath: log)
        else { throw BenchError("\(log): can't be written") }
        var environment = ProcessInfo.processInfo.environment
        environment["QDRANT__SERVICE__HOST"] = "127.0.0.1"
        environment["QDRANT__SERVICE__HTTP_PORT"] = String(port)
        environment["QDRANT__STORAGE__STORAGE_PATH"] = storage
        environment["QDRANT__STORAGE__SNAPSHOTS_PATH"] = storage + "-snapshots"
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = ["serve"]
        process.environment = environment
        process.currentDirectoryURL = URL(fileURLWithPath: log).deletingLastPathComponent()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        let start = nowNanoseconds()
        do { try process.run() } catch { throw BenchError("\(executable): \(error.localizedDescription)") }
        let request = endpoint.request("POST", probe.path, body: probe.body)
        while true {
            if let response = try? HTTPConnection(endpoint).send(request), response.status == 200 { break }
            guard process.isRunning else { throw BenchError("the server stopped at its start:\n\(logTail)") }
            guard nowNanoseconds() - start < 120_000_000_000 else {
                process.terminate()
                throw BenchError("the server doesn't answer after two minutes:\n\(logTail)")
            }
            usleep(1000)
        }
        secondsToFirstAnswer = Double(nowNanoseconds() - start) / 1e9
    }

    deinit { stop() }

    /// Asks the server to stop and waits for it.
    func stop() {
        guard process.isRunning else { return }
        process.terminate()
        process.waitUntilExit()
    }

    private var logTail: String {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(20).joined(separator: "\n")
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let size = length
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw BenchError("no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
