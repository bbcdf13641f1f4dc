import JSON
import SearchEngine

/// A collection's recall as `GET /collections/{c}/recall` and telemetry show it.
extension JSONWriter {
    /// - Parameter withCurves: whether recall against width is shown.
    mutating func write(_ recall: CollectionRecall, withCurves: Bool = false) {
        object { writer in
            writer.key("vectors")
            writer.object { writer in
                for vector in recall.vectors {
                    writer.key(vector.name)
                    writer.write(vector, withCurves)
                }
            }
        }
    }

    private mutating func write(_ vector: CollectionRecall.Vector, _ withCurves: Bool) {
        object { writer in
            writer.key("target")
            if let target = vector.target { writer.write(target) } else { writer.writeNull() }
            writer.key("scanned")
            writer.write(vector.isScanned)
            writer.key("background")
            writer.write(vector.background, withCurves: withCurves)
            writer.key("background_state")
            writer.write(vector.backgroundState.rawValue)
            writer.key("measured")
            writer.write(vector.measured, withCurves: false)
            writer.key("reachability")
            writer.write(vector.reachability)
        }
    }

    private mutating func write(_ figures: RecallFigures?, withCurves: Bool) {
        guard let figures else { return writeNull() }
        object { writer in
            writer.key("recall")
            // No query says nothing, not zero.
            if figures.queries > 0 { writer.write(figures.recall) } else { writer.writeNull() }
            writer.write(figures.bounds)
            for (name, count) in [
                ("queries", figures.queries), ("own_queries", figures.ownQueries),
                ("recent_queries", figures.recentQueries), ("lost_queries", figures.lostQueries), ("k", figures.k),
            ] as [(StaticString, Int)] {
                writer.key(name)
                writer.write(count)
            }
            writer.key("hnsw_ef")
            if let width = figures.width { writer.write(width) } else { writer.writeNull() }
            writer.key("points")
            writer.write(figures.points)
            if let matching = figures.filterMatching {
                writer.key("filter_matching")
                writer.write(matching)
            }
            writer.key("age_seconds")
            writer.write(figures.time.secondsSince)
            guard withCurves else { return }
            writer.write(figures.curves)
            writer.key("hard_populations")
            writer.array { writer in
                for population in figures.hardPopulations { writer.write(population) }
            }
        }
    }

    private mutating func write(_ population: RecallFigures.Population) {
        object { writer in
            writer.key("share")
            writer.write(population.share)
            writer.key("queries")
            writer.write(population.queries)
            writer.key("recall")
            writer.write(population.recall)
            writer.write(population.bounds)
            writer.write(population.curves)
        }
    }

    /// As a member of the object at hand.
    private mutating func write(_ curves: [RecallFigures.Curve]) {
        key("curves")
        object { writer in
            for curve in curves {
                writer.key("\(curve.k)")
                writer.array { writer in for point in curve.points { writer.write(point) } }
            }
        }
    }

    private mutating func write(_ point: RecallFigures.Curve.Point) {
        object { writer in
            writer.key("hnsw_ef")
            writer.write(point.width)
            writer.key("recall")
            writer.write(point.recall)
            writer.write(point.bounds)
        }
    }

    /// As two members of the object at hand.
    private mutating func write(_ bounds: ClosedRange<Double>) {
        key("lower")
        write(bounds.lowerBound)
        key("upper")
        write(bounds.upperBound)
    }

    private mutating func write(_ reachability: CollectionRecall.Reachability) {
        object { writer in
            for (name, count) in [
                ("linked", reachability.linked), ("checked", reachability.checked), ("mended", reachability.mended),
                ("unreachable", reachability.unreachable), ("entry_points", reachability.entryPoints),
            ] as [(StaticString, Int?)] {
                writer.key(name)
                if let count { writer.write(count) } else { writer.writeNull() }
            }
        }
    }
}
