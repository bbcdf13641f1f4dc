import ArgumentParser

/// How often and where the timed work runs; shared by the subcommands.
struct PassOptions: ParsableArguments {
    @Option(help: "Passes over each sweep; the figures are medians.")
    var passes = 5
    @Option(help: "Core that single-threaded searches are bound to.")
    var pin: Int?

    func validate() throws {
        guard (1...1000).contains(passes) else { throw ValidationError("--passes must be 1…1000") }
        if let pin, !(0..<1024).contains(pin) { throw ValidationError("--pin must be 0…1023") }
    }
}
