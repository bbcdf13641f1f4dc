import JSON
import VectorIndex

/// How good an engine's answers to all queries of a shape are, at one width.
package struct ShapeFigures: Sendable, Equatable {
    /// Mean over the queries that have matching rows.
    package var recall: Double
    /// Queries of which nothing was found.
    package var lostQueries: Int
    /// The least recall of a population, and its place in `Shape.populations`; `nil` when all queries are from one.
    package var worstPopulation: Population?
    /// Scores that the median query took; `nil` where the engine doesn't tell.
    package var medianScored: Int?

    package struct Population: Sendable, Equatable {
        package var place: Int
        package var recall: Double
    }

    /// - Parameters:
    ///   - recalls: of each query; `nil` where no row matches.
    ///   - populations: of each query; empty when all are from one.
    ///   - scored: of each query; empty where the engine doesn't tell.
    package init(recalls: [Double?], populations: [Int], scored: [Int] = []) {
        recall = Self.mean(recalls)
        lostQueries = recalls.count { $0 == 0 }
        worstPopulation = Set(populations).map { place in
            let own = zip(recalls, populations).filter { $0.1 == place }.map(\.0)
            return Population(place: place, recall: Self.mean(own))
        }.min { ($0.recall, $0.place) < ($1.recall, $1.place) }
        medianScored = scored.isEmpty ? nil : scored.sorted()[scored.count / 2]
    }

    private static func mean(_ recalls: [Double?]) -> Double {
        let judged = recalls.compactMap { $0 }
        return judged.isEmpty ? 1 : judged.reduce(0, +) / Double(judged.count)
    }

    func json(width: Int, _ shape: Shape) -> JSONValue {
        var json: JSONValue = [
            "width": JSONValue(width), "recall": .double(rounded(recall, 5)), "lostQueries": JSONValue(lostQueries),
        ]
        if let worstPopulation {
            json["worstPopulation"] = [
                "name": .string(shape.populations[worstPopulation.place]),
                "recall": .double(rounded(worstPopulation.recall, 5)),
            ]
        }
        if let medianScored { json["medianScored"] = JSONValue(medianScored) }
        return json
    }
}

/// The figures of all engines on a shape drawn with one seed.
package struct ShapeRun: Sendable {
    package var seed: UInt64
    /// The width of each walk; the second is our default.
    package var widths: [Int]
    /// By place in `widths`.
    package var ours: [ShapeFigures]
    /// What our index found when it looked for its own rows.
    package var reachability: Reachability?
    /// By name and configuration, in their order; figures by place in `widths`.
    package var peers: [(name: String, figures: [ShapeFigures])]

    package init(
        seed: UInt64, widths: [Int], ours: [ShapeFigures], peers: [(name: String, figures: [ShapeFigures])] = []
    ) {
        self.seed = seed
        self.widths = widths
        self.ours = ours
        self.peers = peers
    }

    func json(_ shape: Shape) -> JSONValue {
        var json: JSONValue = ["seed": JSONValue(seed)]
        if let reachability {
            json["reachability"] = [
                "mended": JSONValue(reachability.mended),
                "unreachable": reachability.unreachable.map { JSONValue($0) } ?? .null,
                "entryPoints": JSONValue(reachability.entryPoints),
            ]
        }
        for (name, figures) in [("trendex", ours)] + peers {
            json[name] = .array(zip(widths, figures).map { $1.json(width: $0, shape) })
        }
        return json
    }
}
