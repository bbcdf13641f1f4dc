/// A sentence for the person at the terminal: which file, flag or answer is wrong, and how.
struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
