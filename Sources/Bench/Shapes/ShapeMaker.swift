import Quantization

/// What a shape draws its data with: the sizes asked for, and the random numbers.
package struct ShapeMaker {
    let shape: Shape
    /// Rows that the base must have, removed ones included.
    let rowCount: Int
    let queryCount: Int
    var random: ShapeRandom

    var dimensions: Int { shape.dimensions }

    /// A number that is stated for the shape's full size, in proportion to the rows asked for.
    func scaled(_ count: Int, least: Int = 4) -> Int { max(least, count * rowCount / shape.rows) }

    /// Rows as the index stores them: normalised for cosine, rounded to the shape's element type.
    ///
    /// - Parameter fill: gets a row's number and its place, which holds zeros. Called in the order of the rows.
    mutating func base(_ fill: (Int, ShapeRow, inout ShapeRandom) throws -> Void) throws -> FloatRows {
        try matrix(rowCount, shape.element, fill)
    }

    /// Queries as the index is asked: normalised for cosine.
    mutating func queries(_ fill: (Int, ShapeRow, inout ShapeRandom) throws -> Void) throws -> FloatRows {
        try matrix(queryCount, .float32, fill)
    }

    private mutating func matrix(
        _ count: Int, _ element: ElementType, _ fill: (Int, ShapeRow, inout ShapeRandom) throws -> Void
    ) throws -> FloatRows {
        precondition(shape.metric != .cosine || element != .uint8, "bytes can't hold normalised rows")
        return try FloatRows(
            count: count, dimensions: dimensions, source: shape.name, normalising: shape.metric == .cosine,
            element: element
        ) { index, row in try fill(index, row, &random) }
    }
}

/// Cluster centres, and rows at a random distance from them.
struct Clusters: Sendable {
    let centers: [[Float]]
    /// Expected length of the noise about a centre.
    let noise: Float

    var count: Int { centers.count }

    /// `count` centres in random directions, of length 1.
    init(_ count: Int, dimensions: Int, noise: Float, _ random: inout ShapeRandom) {
        centers = (0..<count).map { _ in random.direction(dimensions) }
        self.noise = noise
    }

    /// Adds a centre and the noise about it to a row.
    func add(_ cluster: Int, to row: ShapeRow, _ random: inout ShapeRandom) {
        let center = centers[cluster]
        for axis in row.indices { row[axis] += center[axis] }
        random.addNoise(noise, to: row)
    }

    /// Adds a random centre and the noise about it to a row.
    func add(to row: ShapeRow, _ random: inout ShapeRandom) { add(random.below(count), to: row, &random) }
}
