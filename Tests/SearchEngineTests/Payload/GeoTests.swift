import JSON
import SearchEngine
import Testing

/// Expected answers are those of Qdrant's engine.
@Suite struct GeoTests {
    /// Longitude, latitude.
    static let points: [(Double, Double)] = [
        (0, 0), (10, 10), (50, 50), (179.9, 0), (-179.9, 0), (180, 0), (-180, 0), (13.4, 52.5), (0, 90), (0, -90),
        (5, 10),
        (10, 5), (5, 5), (0, 10), (10, 0), (1.5, 2), (-170, 10), (5, 0),
    ]

    private func point(_ longitude: Double, _ latitude: Double) -> GeoPoint {
        GeoPoint(latitude: latitude, longitude: longitude)
    }

    private func ring(_ points: (Double, Double)...) -> [GeoPoint] { points.map { point($0.0, $0.1) } }

    private func expect(
        _ predicate: FieldPredicate, _ expected: [Int], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let collection = IndexedCollection()
        for (longitude, latitude) in Self.points {
            collection.append(["g": ["lon": .double(longitude), "lat": .double(latitude), "name": "x"]])
        }
        let filter = Filter(must: [.field(try PayloadPath("g"), predicate)])
        #expect(try collection.matches(filter) == expected, sourceLocation: sourceLocation)
        #expect(collection.naiveMatches(filter) == expected, sourceLocation: sourceLocation)
    }

    @Test func boxes() throws {
        func box(_ west: Double, _ north: Double, _ east: Double, _ south: Double) -> FieldPredicate {
            .geoBoundingBox(topLeft: point(west, north), bottomRight: point(east, south))
        }
        try expect(box(0, 10, 10, 0), [12, 15])
        try expect(box(170, 10, -170, -10), [3, 4, 5, 6])
        try expect(box(-170, 10, 170, -10), [0, 11, 12, 14, 15, 17])
        try expect(box(0, 0, 10, 10), [])
        try expect(box(-180, 90, 180, -90), [0, 1, 2, 3, 4, 7, 10, 11, 12, 13, 14, 15, 16, 17])
        try expect(box(0, 10, 0, 0), [])
        try expect(box(180, 10, -180, -10), [])
    }

    @Test func circles() throws {
        func circle(_ longitude: Double, _ latitude: Double, _ radius: Double) -> FieldPredicate {
            .geoRadius(center: point(longitude, latitude), radiusMeters: radius)
        }
        try expect(circle(0, 0, 1000), [0])
        try expect(circle(0, 0, 0), [])
        try expect(circle(0, 0, -1), [])
        try expect(circle(180, 0, 20_000), [3, 4, 5, 6])
        try expect(circle(13.4, 52.5, 10), [7])
        try expect(circle(0, 0, 1e8), Array(Self.points.indices))
        try expect(circle(0, 0, 1_111_950), [0, 12, 15, 17])
        try expect(circle(0, 0, 1_111_951), [0, 12, 13, 14, 15, 17])
        try expect(circle(77, 89.9, 20_000), [8])
        // Ten degrees of a great circle on a sphere of the earth's mean radius.
        #expect(abs(point(0, 0).distance(to: point(10, 0)) - 1_111_950.8023353294) < 1e-6)
    }

    @Test func polygons() throws {
        let square = ring((0, 0), (10, 0), (10, 10), (0, 10), (0, 0))
        try expect(.geoPolygon(exterior: square, interiors: []), [12, 15])
        try expect(.geoPolygon(exterior: square.reversed(), interiors: []), [12, 15])
        let hole = ring((4, 4), (6, 4), (6, 6), (4, 6), (4, 4))
        try expect(.geoPolygon(exterior: square, interiors: [hole]), [15])
        // A hole's border is outside as well.
        let corner = ring((5, 5), (10, 5), (10, 10), (5, 10), (5, 5))
        try expect(.geoPolygon(exterior: square, interiors: [corner]), [15])
        let other = ring((0, 0), (5, 0), (5, 5), (0, 5), (0, 0))
        try expect(.geoPolygon(exterior: square, interiors: [other]), [])
        // No wrapping around the antimeridian.
        let wide = ring((170, -10), (-170, -10), (-170, 10), (170, 10), (170, -10))
        try expect(.geoPolygon(exterior: wide, interiors: []), [0, 11, 12, 14, 15, 17])
        try expect(.geoPolygon(exterior: ring((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)), interiors: []), [0])
    }

    @Test func whatIsAPoint() {
        #expect(GeoPoint(["lon": 1, "lat": 2.5]) == point(1, 2.5))
        for value: JSONValue in [
            ["lon": 0], ["lat": 0], ["lon": "0", "lat": "0"], "0,0", nil, [1, 2], ["lon": 181, "lat": 0],
            ["lon": 0, "lat": -90.5],
        ] {
            #expect(GeoPoint(value) == nil)
        }
    }
}
