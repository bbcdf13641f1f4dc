import NIOCore
import NIOHTTP1

/// When a connection ends: idle for too long, half closed, no HTTP, or with the server.
extension ConnectionHandler {
    /// How long a client may take for a reply that it reads slowly or not at all.
    private static let slowestReply = TimeAmount.minutes(10)

    private static let unsentInterval = TimeAmount.seconds(1)

    /// A connection that is to be refused holds its place for no longer.
    private static let refusedTimeout = TimeAmount.seconds(5)

    private var idleTimeout: TimeAmount {
        let timeout = TimeAmount.seconds(Int64(service.configuration.idleTimeoutSeconds))
        return isRefused ? min(timeout, Self.refusedTimeout) : timeout
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        lastActivity = .now()
        scheduleIdleCheck(in: idleTimeout)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        idleTimer?.cancel()
        idleTimer = nil
        abandon()
    }

    func channelInactive(context: ChannelHandlerContext) {
        idleTimer?.cancel()
        idleTimer = nil
        abandon()
        context.fireChannelInactive()
    }

    /// Looks more often while a large reply waits: others may come to need the memory.
    func watchUnsent() {
        guard unsent != nil else { return }
        idleTimer?.cancel()
        scheduleIdleCheck(in: Self.unsentInterval)
    }

    private func scheduleIdleCheck(in delay: TimeAmount) {
        idleTimer = context?.eventLoop.assumeIsolated().scheduleTask(in: delay) { [self] in checkIdle() }
    }

    private func checkIdle() {
        guard let context else { return }
        let allowed: TimeAmount
        switch phase {
        case .idle: allowed = pendingWrites > 0 || unsent != nil ? Self.slowestReply : idleTimeout
        case .collecting, .draining: allowed = idleTimeout
        // The server's own time; whoever streams is timed by what comes in and goes out.
        case .working, .following, .upgraded: return scheduleIdleCheck(in: idleTimeout)
        case .streaming: allowed = Self.slowestReply
        }
        let silence = NIODeadline.now() - lastActivity
        let isTooSlow =
            unsent?.isTooSlow(
                at: .now(), isWanted: service.refusesReplies, patience: service.configuration.slowReplyPatience)
            ?? false
        if silence >= allowed || isTooSlow {
            context.close(promise: nil)
        } else {
            let interval = unsent == nil ? idleTimeout : min(idleTimeout, Self.unsentInterval)
            scheduleIdleCheck(in: min(allowed - silence, interval))
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent {
            stop()
        } else if case .some(ChannelEvent.inputClosed) = event as? ChannelEvent {
            endInput()
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else {
            if case .streaming = phase { context.fireErrorCaught(error) }
            context.close(promise: nil)
            return
        }
        switch phase {
        case .streaming: context.fireErrorCaught(error)
        case .draining, .following, .upgraded: context.close(promise: nil)
        case .idle, .collecting, .working:
            if error == .headerOverflow {
                refuseDamaged(.requestHeaderFieldsTooLarge, "The request's header is too large")
            } else {
                refuseDamaged(.badRequest, "Malformed HTTP request")
            }
        }
    }
}
