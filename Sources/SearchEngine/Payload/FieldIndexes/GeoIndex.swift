import JSON

/// Geographic points, sorted by the cells of a grid of a tenth of a degree; a shape checks the points in the cells that
/// its bounds touch.
final class GeoIndex: FieldIndex {
    private var slots = SortedSlots(isLoading: true)
    /// By the entries' tags.
    private var points: [GeoPoint] = []
    private var freeTags: [Int32] = []

    private static let cellsPerDegree = 10.0

    private static func row(_ latitude: Double) -> Int64 { Int64(((latitude + 90) * cellsPerDegree).rounded(.down)) }
    private static func column(_ longitude: Double) -> Int64 {
        Int64(((longitude + 180) * cellsPerDegree).rounded(.down))
    }

    private static func key(_ point: GeoPoint) -> Int64 { row(point.latitude) << 16 | column(point.longitude) }

    func insert(_ slot: UInt32, _ view: PayloadView) {
        for element in view.values.elements {
            guard let point = GeoPoint(element) else { continue }
            let tag: Int32
            if let free = freeTags.popLast() {
                tag = free
                points[Int(tag)] = point
            } else {
                tag = Int32(points.count)
                points.append(point)
            }
            slots.insert(SortedSlots.Entry(key: Self.key(point), tag: tag, slot: slot))
        }
    }

    func remove(_ slot: UInt32, _ view: PayloadView) {
        for element in view.values.elements {
            guard let point = GeoPoint(element) else { continue }
            let key = Self.key(point)
            var found: SortedSlots.Entry?
            slots.forEach(in: key...key) { entry in
                if entry.slot == slot, points[Int(entry.tag)] == point { found = entry }
            }
            guard let found else { continue }
            slots.remove(found)
            freeTags.append(found.tag)
        }
    }

    func finish() { slots.finish() }

    func select(_ shape: GeoShape, into bits: inout SlotBits) {
        guard let bounds = shape.bounds else { return }
        let first = Self.row(max(-90, bounds.latitudes.lowerBound))
        let last = Self.row(min(90, bounds.latitudes.upperBound))
        guard first <= last else { return }
        for row in first...last {
            for longitudes in bounds.longitudes {
                let west = Self.column(min(180, max(-180, longitudes.lowerBound)))
                let east = Self.column(min(180, max(-180, longitudes.upperBound)))
                slots.forEach(in: row << 16 | west...row << 16 | east) { entry in
                    if shape.contains(points[Int(entry.tag)]) { bits.insert(entry.slot) }
                }
            }
        }
    }

    func selectAll(into bits: inout SlotBits) { slots.select(.min ... .max, into: &bits) }

    var residentBytes: Int {
        slots.allocatedBytes + points.capacity * MemoryLayout<GeoPoint>.stride + freeTags.capacity * 4
    }
}
