import Foundation
import SearchEngine
import Synchronization

/// Takes log lines to a file descriptor on a thread of its own: whoever logs never waits for the file, and never fails by it.
///
/// Lines that can't be written, because the disk is full or nobody reads them fast enough, are lost and counted. The next one
/// that can be written is preceded by one that tells how many were.
public final class LogOutput: Sendable {
    /// Bytes that wait for the file at most.
    private static let mostWaitingBytes = 4 << 20
    /// After a write that failed: the disk may be full for long.
    private static let retryDelay = Duration.seconds(1)

    /// The lines of standard output.
    public static let standard = LogOutput(descriptor: STDOUT_FILENO)

    private struct State {
        var waiting: [UInt8] = []
        var lines = 0
        var lost = 0
        /// Lost since the last line that tells of it.
        var untold = 0
        var flushed: [Latch] = []
        var loop: BackgroundLoop?
    }

    private let descriptor: Int32
    private let executor: any Executor = ThreadExecutor()
    private let state = Mutex(State())

    public init(descriptor: Int32) { self.descriptor = descriptor }

    /// Lines that were lost so far.
    public var lostLines: Int { state.withLock { $0.lost } }

    /// Queues a line, which ends with a newline.
    package func write(_ line: [UInt8]) {
        let loop = state.withLock { state -> BackgroundLoop? in
            guard state.waiting.count + line.count <= Self.mostWaitingBytes else {
                state.lost += 1
                state.untold += 1
                return nil
            }
            state.waiting += line
            state.lines += 1
            return self.loop(&state)
        }
        loop?.wake()
    }

    /// Waits until all lines so far are written or lost, but not beyond the limit.
    public func flush(within limit: Duration) {
        let done = Latch()
        let loop = state.withLock { state in
            state.flushed.append(done)
            return self.loop(&state)
        }
        loop.wake()
        _ = executor.wait(for: done, until: .now + limit)
    }

    /// Starts the thread with the first line.
    private func loop(_ state: inout State) -> BackgroundLoop {
        if let loop = state.loop { return loop }
        let loop = BackgroundLoop("trendex-log", .foreground) { [self] in step() }
        state.loop = loop
        // A reader that has gone must not end the process.
        signal(SIGPIPE, SIG_IGN)
        executor.start(loop)
        return loop
    }

    private func step() -> BackgroundLoop.Next {
        let (bytes, lines, untold, flushed) = state.withLock { state in
            defer {
                state.waiting = []
                state.lines = 0
                state.untold = 0
                state.flushed = []
            }
            return (state.waiting, state.lines, state.untold, state.flushed)
        }
        defer { flushed.forEach { $0.open() } }
        if lines == 0 && untold == 0 { return .whenWoken }
        let notice = untold > 0 ? Array("\(untold) lines of the log were lost\n".utf8) : []
        guard write(notice + bytes) else {
            state.withLock { state in
                state.lost += lines
                state.untold += untold + lines
            }
            return .after(Self.retryDelay)
        }
        return .again
    }

    /// Whether all bytes were written. A part of them may have been if not.
    private func write(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let count = Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
                if count >= 0 {
                    done += count
                } else if errno == EAGAIN {
                    // Somebody else has made the descriptor non-blocking.
                    var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&ready, 1, 1_000)
                } else if errno != EINTR {
                    return false
                }
            }
            return true
        }
    }
}
