import Foundation
import JSON

extension GeoPoint {
    /// The mean radius of the earth, in metres.
    static let earthRadius = 6_371_008.8

    /// An object with the numbers `lat` and `lon` in their ranges.
    package init?(_ value: JSONValue) {
        guard case .object(let members) = value, let latitude = members["lat"]?.doubleValue,
            let longitude = members["lon"]?.doubleValue, latitude.magnitude <= 90, longitude.magnitude <= 180
        else { return nil }
        self.init(latitude: latitude, longitude: longitude)
    }

    /// Metres along a great circle, by the haversine formula.
    package func distance(to other: GeoPoint) -> Double {
        let radians = Double.pi / 180
        let halfLatitude = sin((other.latitude - latitude) * radians / 2)
        let halfLongitude = sin((other.longitude - longitude) * radians / 2)
        let a =
            halfLatitude * halfLatitude
            + cos(latitude * radians) * cos(other.latitude * radians) * halfLongitude * halfLongitude
        return 2 * GeoPoint.earthRadius * asin(min(1, a.squareRoot()))
    }
}

/// An area of the earth. Points on its border are outside.
package enum GeoShape {
    /// Crosses the antimeridian if its west is greater than its east.
    case box(north: Double, west: Double, south: Double, east: Double)
    case circle(center: GeoPoint, radiusMeters: Double)
    /// In the plane of longitude and latitude. Rings are closed.
    case polygon(exterior: [GeoPoint], interiors: [[GeoPoint]])

    package init?(_ predicate: FieldPredicate) {
        switch predicate {
        case .geoBoundingBox(let topLeft, let bottomRight):
            self = .box(
                north: topLeft.latitude, west: topLeft.longitude, south: bottomRight.latitude,
                east: bottomRight.longitude)
        case .geoRadius(let center, let radius): self = .circle(center: center, radiusMeters: radius)
        case .geoPolygon(let exterior, let interiors): self = .polygon(exterior: exterior, interiors: interiors)
        default: return nil
        }
    }

    package func contains(_ point: GeoPoint) -> Bool {
        switch self {
        case .box(let north, let west, let south, let east):
            let isBetween = south < point.latitude && point.latitude < north
            return west > east
                ? isBetween && (point.longitude > west || point.longitude < east)
                : isBetween && west < point.longitude && point.longitude < east
        case .circle(let center, let radius): return center.distance(to: point) < radius
        case .polygon(let exterior, let interiors):
            return Self.position(of: point, in: exterior) == .inside
                && interiors.allSatisfy { Self.position(of: point, in: $0) == .outside }
        }
    }

    enum RingPosition { case inside, border, outside }

    /// Counts the ring's edges that a ray to the east crosses.
    static func position(of point: GeoPoint, in ring: [GeoPoint]) -> RingPosition {
        var isInside = false
        for index in ring.indices.dropLast() {
            let a = ring[index]
            let b = ring[index + 1]
            let cross =
                (b.longitude - a.longitude) * (point.latitude - a.latitude)
                - (b.latitude - a.latitude) * (point.longitude - a.longitude)
            if cross == 0, min(a.longitude, b.longitude) <= point.longitude,
                point.longitude <= max(a.longitude, b.longitude), min(a.latitude, b.latitude) <= point.latitude,
                point.latitude <= max(a.latitude, b.latitude)
            {
                return .border
            }
            if (a.latitude > point.latitude) != (b.latitude > point.latitude),
                (cross > 0) == (b.latitude > a.latitude)
            {
                isInside.toggle()
            }
        }
        return isInside ? .inside : .outside
    }

    /// A latitude range and one or two longitude ranges that hold the whole shape.
    package var bounds: (latitudes: ClosedRange<Double>, longitudes: [ClosedRange<Double>])? {
        switch self {
        case .box(let north, let west, let south, let east):
            guard south <= north else { return nil }
            guard west > east else { return (south...north, [west...east]) }
            return (south...north, [min(west, 180)...180, -180...max(east, -180)])
        case .circle(let center, let radius):
            guard radius > 0 else { return nil }
            // A hair wider, against rounding.
            let angle = radius / GeoPoint.earthRadius * 1.000_001 + 1e-9
            let degrees = angle * 180 / .pi
            let latitudes = max(-90, center.latitude - degrees)...min(90, center.latitude + degrees)
            let ratio = sin(min(angle, .pi / 2)) / cos(center.latitude * .pi / 180)
            guard latitudes.lowerBound > -90, latitudes.upperBound < 90, ratio < 1 else {
                return (latitudes, [-180...180])
            }
            let spread = asin(ratio) * 180 / .pi * 1.000_001 + 1e-9
            let west = center.longitude - spread
            let east = center.longitude + spread
            if west < -180 { return (latitudes, [west + 360...180, -180...east]) }
            if east > 180 { return (latitudes, [west...180, -180...east - 360]) }
            return (latitudes, [west...east])
        case .polygon(let exterior, _):
            guard let first = exterior.first else { return nil }
            var latitudes = first.latitude...first.latitude
            var longitudes = first.longitude...first.longitude
            for point in exterior {
                latitudes = min(latitudes.lowerBound, point.latitude)...max(latitudes.upperBound, point.latitude)
                longitudes = min(longitudes.lowerBound, point.longitude)...max(longitudes.upperBound, point.longitude)
            }
            return (latitudes, [longitudes])
        }
    }
}
