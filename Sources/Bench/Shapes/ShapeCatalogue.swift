extension Shape {
    /// Every shape, by kind.
    package static let all: [Shape] = [
        minorities, products, clusters, growths, bits, separated, copies, mixtures, embeddings, tails, surfaces, orders,
        removals, filters, scales, hard,
    ].flatMap { $0 }

    /// The shapes that a list of names asks for, in the catalogue's order. A name that no shape has stands for all shapes
    /// whose names begin with it.
    ///
    /// - Parameter names: separated by commas.
    /// - Throws: `BenchError` for a name that no shape's name begins with.
    package static func named(_ names: String) throws -> [Shape] {
        var wanted: Set<String> = []
        for name in names.split(separator: ",", omittingEmptySubsequences: false) {
            let exact = all.filter { $0.name == name }
            let found = exact.isEmpty && !name.isEmpty ? all.filter { $0.name.hasPrefix(name) } : exact
            guard !found.isEmpty else {
                throw BenchError("--shapes \(name): there is no such shape; --list tells which there are")
            }
            wanted.formUnion(found.map(\.name))
        }
        return all.filter { wanted.contains($0.name) }
    }
}
