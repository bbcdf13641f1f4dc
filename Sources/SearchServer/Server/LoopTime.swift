import NIOCore

/// How much of its time an event loop gives to requests that it could work on itself: that spares a request two
/// wake-ups, but everything else on the loop waits meanwhile. So it does that for one connection that asks alone, and
/// hands the requests of several over to the compute threads, which share the cores better.
///
/// Used on its event loop alone.
package final class LoopTime: @unchecked Sendable {
    /// How long a connection must have been the only one that asks.
    private static let alone = TimeAmount.milliseconds(1)
    /// A request that held the loop for longer costs the next ones their turn, so that no more than a hundredth of the
    /// loop's time is spent on such.
    private static let longest = TimeAmount.milliseconds(1)
    private static let share = 100

    private var lastAsker: ObjectIdentifier?
    private var lastAsked = NIODeadline.uptimeNanoseconds(0)
    /// When another than the last one asked.
    private var otherAsked = NIODeadline.uptimeNanoseconds(0)
    private var suspendedUntil = NIODeadline.uptimeNanoseconds(0)

    package init() {}

    /// Notes that a connection asks, and tells whether the loop may work on its request itself.
    package func mayWork(for connection: AnyObject, at now: NIODeadline) -> Bool {
        let asker = ObjectIdentifier(connection)
        if asker != lastAsker {
            otherAsked = lastAsked
            lastAsker = asker
        }
        lastAsked = now
        return now >= suspendedUntil && now - otherAsked >= Self.alone
    }

    /// Notes how long the loop has worked on a request.
    package func worked(from start: NIODeadline, to end: NIODeadline) {
        let time = end - start
        if time > Self.longest { suspendedUntil = end + time * Self.share }
    }
}
