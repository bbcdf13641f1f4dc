import JSON

/// The runs of a shape with all seeds, and what follows from them.
package struct ShapeSummary: Sendable {
    package let shape: Shape
    package let rowCount: Int
    package let runs: [ShapeRun]

    /// The place of the default width among a run's widths.
    private static let defaultPlace = 1
    private static let leastRecall = 0.95
    /// How much less than the best peer's recall ours may be.
    private static let slack = 0.01
    /// A population below is lost, unless it is hardly better found by a peer.
    private static let leastPopulationRecall = 0.8
    private static let populationSlack = 0.05

    package init(shape: Shape, rowCount: Int, runs: [ShapeRun]) {
        precondition(!runs.isEmpty)
        self.shape = shape
        self.rowCount = rowCount
        self.runs = runs
    }

    package enum Verdict: String, Sendable {
        case ok
        /// Recall is low, and a peer's is higher.
        case low
        /// A peer's recall is higher by more than the slack.
        case behind
        case populationLost = "population lost"
        case notJudged = "not judged"
    }

    /// Figures at one width.
    package struct Point: Sendable {
        /// Our recall, the mean of the seeds and that of the worst.
        package var mean: Double
        package var worst: Double
        /// Queries of which we found nothing, with all seeds.
        package var lostQueries: Int
        /// The peer with the highest mean recall; `nil` when none was asked.
        package var bestPeer: Peer?

        package struct Peer: Sendable {
            package var name: String
            package var mean: Double
            package var lostQueries: Int
        }
    }

    package func point(_ place: Int) -> Point {
        let ours = runs.map { $0.ours[place] }
        let names = runs[0].peers.map(\.name)
        let peers = names.indices.map { peer in
            let figures = runs.map { $0.peers[peer].figures[place] }
            return Point.Peer(
                name: names[peer], mean: figures.map(\.recall).mean,
                lostQueries: figures.reduce(0) { $0 + $1.lostQueries })
        }
        return Point(
            mean: ours.map(\.recall).mean, worst: ours.map(\.recall).min() ?? 0,
            lostQueries: ours.reduce(0) { $0 + $1.lostQueries }, bestPeer: peers.max { $0.mean < $1.mean })
    }

    /// At our default width.
    package var verdict: Verdict {
        guard !shape.isHard else { return .notJudged }
        let point = point(Self.defaultPlace)
        if runs.contains(where: losesPopulation) { return .populationLost }
        guard point.worst >= Self.leastRecall || point.bestPeer.map({ point.mean >= $0.mean }) ?? false else {
            return .low
        }
        return point.bestPeer.map { point.mean < $0.mean - Self.slack } ?? false ? .behind : .ok
    }

    private func losesPopulation(_ run: ShapeRun) -> Bool {
        guard let ours = run.ours[Self.defaultPlace].worstPopulation?.recall, ours < Self.leastPopulationRecall else {
            return false
        }
        let peers = run.peers.compactMap { $0.figures[Self.defaultPlace].worstPopulation?.recall }
        return peers.max().map { ours < $0 - Self.populationSlack } ?? true
    }

    var json: JSONValue {
        var json: JSONValue = [
            "name": .string(shape.name), "summary": .string(shape.summary), "metric": .string("\(shape.metric)"),
            "dimensions": JSONValue(shape.dimensions), "element": .string("\(shape.element)"),
            "rows": JSONValue(rowCount), "k": JSONValue(shape.k), "isHard": .bool(shape.isHard),
        ]
        json["quantile"] = shape.quantile.map { .double(rounded(Double($0), 6)) } ?? .null
        json["verdict"] = .string(verdict.rawValue)
        json["runs"] = .array(runs.map { $0.json(shape) })
        return json
    }

    // MARK: Table

    static let header =
        ["shape"] + ["64", "default", "256"].flatMap { ["\($0): mean", "worst", "peers", "diff"] }
        + ["lost", "peer's lost", "worst population", "scored", "verdict"]

    var cells: [String] {
        var cells = [shape.name]
        for place in 0..<3 {
            let point = point(place)
            cells += [fixed(point.mean, 4), fixed(point.worst, 4)]
            cells += point.bestPeer.map { [fixed($0.mean, 4), fixed(point.mean - $0.mean, 4)] } ?? ["–", "–"]
        }
        let point = point(Self.defaultPlace)
        let figures = runs.map { $0.ours[Self.defaultPlace] }
        let population = figures.compactMap(\.worstPopulation?.recall).min()
        let scored = figures.compactMap(\.medianScored).sorted()
        cells += [
            String(point.lostQueries), point.bestPeer.map { "\($0.lostQueries) (\($0.name))" } ?? "–",
            population.map { fixed($0, 4) } ?? "–",
            scored.isEmpty ? "–" : grouped(Double(scored[scored.count / 2])), verdict.rawValue,
        ]
        return cells
    }
}

extension [Double] {
    fileprivate var mean: Double { reduce(0, +) / Double(count) }
}
