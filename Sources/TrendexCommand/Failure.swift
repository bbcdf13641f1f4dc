import ArgumentParser
import Foundation

/// A sentence for the user, printed to standard error before the program ends with code 1.
struct Failure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// Runs something that fails for a reason that the user can understand.
func orExit<Value>(_ body: () throws -> Value) throws -> Value {
    do { return try body() } catch let error as Failure { throw error } catch { throw Failure("\(error)") }
}
