/// A sentence for the person at the terminal: which file, flag or answer is wrong, and how.
package struct BenchError: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
