import ArgumentParser

struct MachineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "machine", abstract: "Tells in JSON what the figures of this machine are measured on.")

    @Option(help: "Forces the kernels: scalar, avx2, avx512 or neon.")
    var simdLevel: String?

    func run() throws {
        if let simdLevel { try Machine.force(simdLevel: simdLevel) }
        print(Machine.current().json.indented())
    }
}
