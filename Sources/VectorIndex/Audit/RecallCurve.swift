/// Recall against the width of a walk, as measured on sample queries of one index: which width is enough for which recall.
public struct RecallCurve: Sendable, Equatable {
    /// Widths that are measured: each a fourth to a third wider than the one before.
    public static let widths = [
        10, 16, 24, 32, 40, 48, 64, 80, 100, 128, 160, 200, 256, 320, 400, 512, 640, 800, 1024, 1536, 2048,
    ]

    /// One width, and what searches of this width found.
    public struct Point: Sendable, Equatable {
        public let width: Int
        private var moments = Moments()

        /// Mean share of the true best.
        public var recall: Double { moments.mean }
        /// Queries whose true best were looked for.
        public var queries: Int { moments.count }

        public init(width: Int) { self.width = width }

        /// - Parameter recall: 0…1, of one query.
        public mutating func add(_ recall: Double) { moments.add(recall) }

        /// The standard error of ``recall``. Where all queries have found all, that of one more that found nothing.
        public var standardError: Double {
            guard queries > 1 else { return 1 }
            let count = Double(queries)
            return max((moments.sampleVariance / count).squareRoot(), recall < 1 ? 0 : 1 / (count + 1))
        }

        /// The 95 % confidence interval of the recall of all queries of the sample's kind, by Wilson's score interval with as
        /// many trials as give the measured standard error.
        public var bounds: ClosedRange<Double> {
            guard queries > 0 else { return 0...1 }
            let z = 1.96
            let spread = recall * (1 - recall)
            let trials = spread > 0 && queries > 1 ? max(spread / (standardError * standardError), 1) : Double(queries)
            let center = (recall + z * z / (2 * trials)) / (1 + z * z / trials)
            let reach =
                z / (1 + z * z / trials) * (spread / trials + z * z / (4 * trials * trials)).squareRoot()
            // Rounding must not put the end below the mean.
            return max(center - reach, 0)...(recall < 1 ? min(center + reach, 1) : 1)
        }
    }

    /// Results a query.
    public let k: Int
    public private(set) var points: [Point]

    public init(k: Int) {
        self.k = k
        points = Self.widths.filter { $0 >= k }.map { Point(width: $0) }
    }

    /// Notes what one query found at each of ``points``' widths; `recalls` are 0…1.
    public mutating func add(_ recalls: [Double]) {
        precondition(recalls.count == points.count)
        for (place, recall) in recalls.enumerated() { points[place].add(recall) }
    }

    /// Queries that the curve is made from.
    public var queries: Int { points.first?.queries ?? 0 }

    /// Fewer queries say nothing of a recall to a hundredth.
    public static let leastQueries = 64

    /// From this recall on a walk is at least ``spareWidth`` wider than k: a narrower one can end in the first group of equal
    /// copies that it meets, and a few hundred points of the collection, which have been made reachable, can't tell how often
    /// queries beside them do. On 1,000 vectors with 50 copies each the curve promised 0.99 at width 10; 0.97 was found at
    /// widths 10 and 30, 0.998 at 64.
    public static let highRecall = 0.97
    public static let spareWidth = 54

    /// The narrowest width that is as good as asked for: interpolated between the measured ones, half a standard error on the
    /// safe side. `nil` when none is, or when there are too few queries to tell.
    ///
    /// - Parameter recall: 0…1.
    public func width(for recall: Double) -> Int? {
        guard queries >= Self.leastQueries, let width = measuredWidth(for: recall) else { return nil }
        return recall >= Self.highRecall ? max(width, k + Self.spareWidth) : width
    }

    private func measuredWidth(for recall: Double) -> Int? {
        var last: (width: Double, recall: Double)?
        var greatest = 0.0
        for point in points {
            // A wider walk finds no less; what the sample says to the contrary is chance.
            greatest = max(greatest, point.recall - 0.5 * point.standardError)
            let here = (width: Double(point.width), recall: greatest)
            if greatest >= recall {
                guard let last, here.recall > last.recall else { return point.width }
                let share = (recall - last.recall) / (here.recall - last.recall)
                return Int((last.width + share * (here.width - last.width)).rounded(.up))
            }
            last = here
        }
        return nil
    }

    /// The measured recall at a width, interpolated; `nil` without any measurement. Outside of the measured widths, that of
    /// the nearest.
    public func recall(at width: Int) -> Double? {
        guard queries > 0, let first = points.first, let end = points.last else { return nil }
        if width <= first.width { return first.recall }
        if width >= end.width { return end.recall }
        for (low, high) in zip(points, points.dropFirst()) where width <= high.width {
            let share = Double(width - low.width) / Double(high.width - low.width)
            return low.recall + share * (high.recall - low.recall)
        }
        return end.recall
    }
}
