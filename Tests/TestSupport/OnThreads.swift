import Glibc

/// Calls `body` with 0, 1, … on so many threads at once, and returns when all have ended.
///
/// `DispatchQueue.concurrentPerform` promises no second thread: on a busy machine bodies that wait for one another wait for ever.
package func onThreads(_ count: Int, _ body: (Int) -> Void) {
    withoutActuallyEscaping(body) { body in
        let threads = (0..<count).map { number in
            var thread = pthread_t()
            let work = Unmanaged.passRetained(Work { body(number) })
            let error = pthread_create(
                &thread, nil,
                { context in
                    if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run() }
                    return nil
                }, work.toOpaque())
            precondition(error == 0, "no thread: error \(error)")
            return thread
        }
        for thread in threads { pthread_join(thread, nil) }
    }
}

private final class Work {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
}
