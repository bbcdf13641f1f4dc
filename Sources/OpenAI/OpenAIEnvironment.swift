import Foundation

/// What makes two runs differ: clocks, pauses and random numbers. Tests give their own.
public struct OpenAIEnvironment: Sendable {
    /// Never goes back.
    public var now: @Sendable () -> ContinuousClock.Instant
    /// The time of day, for days and HTTP dates.
    public var secondsSince1970: @Sendable () -> Double
    /// Blocks the thread.
    public var pause: @Sendable (Duration) -> Void
    /// From 0 to 1, without 1.
    public var random: @Sendable () -> Double

    public init(
        now: @escaping @Sendable () -> ContinuousClock.Instant, secondsSince1970: @escaping @Sendable () -> Double,
        pause: @escaping @Sendable (Duration) -> Void, random: @escaping @Sendable () -> Double
    ) {
        self.now = now
        self.secondsSince1970 = secondsSince1970
        self.pause = pause
        self.random = random
    }

    public static let system = OpenAIEnvironment(
        now: { .now }, secondsSince1970: { Date().timeIntervalSince1970 },
        pause: { Thread.sleep(forTimeInterval: $0.inSeconds) }, random: { .random(in: 0..<1) })
}
