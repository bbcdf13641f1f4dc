import Foundation
import SearchEngine
import TestSupport
import Testing
import TrendStore

@Suite struct TimestampTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59.999999Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00Z"), (1_709_208_000_500_000, "2024-02-29T12:00:00.500000Z"),
        (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"), (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
    ]) func text(_ microseconds: Int64, _ text: String) {
        #expect(Timestamp(microseconds: microseconds).description == text)
        #expect(Timestamp(text) == Timestamp(microseconds: microseconds))
    }

    @Test func everyStorableTextReadsBack() {
        var generator = SeededGenerator("everyStorableTextReadsBack")
        let range = Timestamp.storable
        for _ in 0..<20_000 {
            let value = Timestamp(
                microseconds: .random(
                    in: range.lowerBound.microseconds...range.upperBound.microseconds, using: &generator))
            #expect(Datetime.parse(value.description) == value.microseconds, "\(value.microseconds)")
        }
    }

    @Test func extremesDoNotTrap() {
        for microseconds in [Int64.min, .min + 1, .max - 1, .max] {
            #expect(!Timestamp(microseconds: microseconds).description.isEmpty)
        }
        #expect(Timestamp("tomorrow") == nil)
        #expect(Timestamp(Date(timeIntervalSince1970: 1.5)).microseconds == 1_500_000)
        #expect(Timestamp(microseconds: 1_500_000).date == Date(timeIntervalSince1970: 1.5))
    }
}

@Suite struct TimeOrderedIDTests {
    /// As RFC 9562 draws version 7, by its own example's time.
    @Test func version7() {
        let id = UUID.timeOrdered(at: Timestamp(microseconds: 1_645_557_742_000_000)).uuidString
        #expect(id.hasPrefix("017F22E2-79B0-7000-"), "\(id)")
        #expect("89AB".contains(Array(id)[19]), "\(id)")
    }

    @Test func laterOnesAreGreater() {
        let ids = (0..<2_000).map { UUID.timeOrdered(at: moment($0)).uuidString }
        // A part of a millisecond has 4,096 steps for 1,000 microseconds.
        #expect(ids == ids.sorted() && Set(ids).count == ids.count)
        #expect(Set((0..<1_000).map { _ in UUID.timeOrdered(at: moment(0)) }).count == 1_000)
        #expect(UUID.timeOrdered(at: Timestamp(microseconds: .min)).uuidString.hasPrefix("00000000-0000-7000"))
    }
}
