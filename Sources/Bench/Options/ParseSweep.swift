import ArgumentParser

/// Reads `10,16,24`. Throws for anything but a list of positive integers; `zeroIsDefault` lets 0 stand for the engine's
/// own choice.
package func parseSweep(_ text: String, zeroIsDefault: Bool = false) throws -> [Int] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
        guard let value = Int(part), ((zeroIsDefault ? 0 : 1)...1_000_000).contains(value) else {
            throw ValidationError("\(text): needs integers from \(zeroIsDefault ? 0 : 1), separated by commas")
        }
        return value
    }
}
