// Shows that ThreadSanitizer, with what scripts/test-tsan.sh preloads, reports a race and nothing else: `canary shared` reads
// copies of storage that another thread writes, in its place whenever no copy is left, and `canary race` reads it
// without a copy.

import Foundation
import Synchronization

final class Storage: @unchecked Sendable {
    let numbers = Mutex(Array(0..<1000))
    let names = Mutex(["a": 1])
    var raced = Array(0..<1000)
}

let storage = Storage()
let isRace = CommandLine.arguments.last == "race"
let ended = DispatchSemaphore(value: 0)

Thread {
    for turn in 0..<200 {
        storage.numbers.withLock { $0[turn % 1000] &+= 1 }
        storage.names.withLock { $0["\(turn % 7)"] = turn }
        if isRace { storage.raced[turn % 1000] &+= 1 }
        Thread.sleep(forTimeInterval: 0.002)
    }
    ended.signal()
}.start()

// Threads that end: one that took the lock again would come after the writer in any case.
for _ in 0..<100 {
    Thread {
        let numbers = storage.numbers.withLock { $0 }
        let names = storage.names.withLock { $0 }
        var sum = numbers.reduce(names.count, &+)
        if isRace { sum = storage.raced.reduce(sum, &+) }
        if sum == .min { print(sum) }
        ended.signal()
    }.start()
    Thread.sleep(forTimeInterval: 0.003)
}
for _ in 0..<101 { ended.wait() }
print("ended")
