/// How often something may be done: so many a minute in the long run, and so many at once.
public struct RateLimit: Sendable, Equatable {
    public static let perMinutes = 0.001...1e9
    public static let bursts = 1.0...1e9

    /// In ``perMinutes``.
    public let perMinute: Double
    /// In ``bursts``: what may come at once after a rest. In any minute there are at most `burst + perMinute`.
    public let burst: Double

    /// - Parameter burst: `nil` takes `perMinute`, but at least 1.
    public init(perMinute: Double, burst: Double? = nil) {
        self.perMinute = min(max(perMinute, Self.perMinutes.lowerBound), Self.perMinutes.upperBound)
        self.burst = min(max(burst ?? perMinute, Self.bursts.lowerBound), Self.bursts.upperBound)
    }

    var nanosecondsPerToken: Double { 60e9 / perMinute }
}

/// A token bucket: it holds up to `burst` tokens and gains `perMinute` of them in each minute; whatever is done takes one.
///
/// Times are nanoseconds of one clock that the caller keeps to. One that goes back stands still for the bucket. A value
/// without I/O, of fixed size; all calls are O(1).
public struct TokenBucket: Sendable, Equatable {
    /// What a bucket must keep to be counted on elsewhere, as by another run of the process. Its clock is the time of day.
    public struct State: Sendable, Equatable, Codable {
        /// Tokens that were there at `nanoseconds`.
        public var tokens: Double
        /// Since 1970.
        public var nanoseconds: Int64

        public init(tokens: Double, nanoseconds: Int64) {
            self.tokens = tokens
            self.nanoseconds = nanoseconds
        }
    }

    /// What a sum of fractions may lack of a whole token, so that whoever waits as long as was said gets one.
    private static let rounding = 1e-9

    public let limit: RateLimit
    private var tokens: Double
    private var time: Int64

    /// A full bucket.
    public init(_ limit: RateLimit, at now: Int64) {
        self.limit = limit
        tokens = limit.burst
        time = now
    }

    /// Goes on from a state, which may come from a damaged or hostile file: more tokens than there is room for, tokens that are no
    /// number, or a time that is yet to come give nobody more than the limit.
    public init(_ limit: RateLimit, restoring state: State, at now: Int64) {
        self.limit = limit
        tokens = state.tokens.isFinite ? min(max(state.tokens, 0), limit.burst) : 0
        time = min(state.nanoseconds, now)
        fill(at: now)
    }

    public func state(at now: Int64) -> State {
        var filled = self
        filled.fill(at: now)
        return State(tokens: filled.tokens, nanoseconds: filled.time)
    }

    /// Takes tokens if there are enough.
    ///
    /// - Parameter wanted: above 0, and at most `limit.burst`: more are never there.
    /// - Returns: `nil` if they were taken; otherwise the nanoseconds until there will be enough.
    public mutating func take(_ wanted: Double = 1, at now: Int64) -> Int64? {
        fill(at: now)
        guard tokens + Self.rounding < wanted else {
            tokens = max(tokens - wanted, 0)
            return nil
        }
        return Int64(clamping: ((wanted - tokens) * limit.nanosecondsPerToken).rounded(.up))
    }

    /// When it will be full, if nobody takes anything.
    var fullAt: Int64 {
        let missing = Int64(clamping: ((limit.burst - tokens) * limit.nanosecondsPerToken).rounded(.up))
        let (sum, isOver) = time.addingReportingOverflow(missing)
        return isOver ? .max : sum
    }

    private mutating func fill(at now: Int64) {
        // The difference may not fit, with times from a file.
        let passed = Double(now) - Double(time)
        guard passed > 0 else { return }
        tokens = min(limit.burst, tokens + passed / limit.nanosecondsPerToken)
        time = now
    }
}

extension ContinuousClock.Instant {
    private static let origin = now

    /// A time for buckets, of the clock that doesn't jump.
    var bucketTime: Int64 {
        let (seconds, attoseconds) = (self - Self.origin).components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}

extension Int64 {
    /// The nearest value that fits; 0 for no number.
    fileprivate init(clamping value: Double) {
        self = value.isNaN ? 0 : value >= 0x1p63 ? .max : value <= -0x1p63 ? .min : Int64(value)
    }
}
