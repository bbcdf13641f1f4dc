import Embedding
import Foundation
import TrendStore

/// Gives rows of one table their missing embeddings, step by step.
///
/// Whatever a service takes money for must not be asked for again and again in vain: what can be known before is checked before; a
/// text that can't be embedded is found by halving its batch, and left alone for an hour; where nothing works, pauses
/// grow to an hour.
package struct MissingEmbeddings {
    package typealias Instant = ContinuousClock.Instant

    /// Some seconds of work for a local model.
    private static let batch = 32
    private static let shortestPause = Duration.seconds(30)
    private static let longestPause = Duration.seconds(3_600)
    /// A service that says when to come again isn't believed beyond this.
    private static let longestRetryAfter = Duration.seconds(300)
    /// Rows that are left alone at once.
    private static let mostLeft = 500
    /// Rows one after the other that can't be embedded: it is no row's fault then.
    private static let fewestOfAFault = 3

    /// The first rows that lack an embedding, so many at most, without these.
    let list: (Int, Set<UUID>) throws -> [(id: UUID, text: String)]
    /// Throws where the model's vectors can't be stored.
    let check: () throws -> Void
    /// Stores vectors that were made.
    let store: ([MadeEmbedding]) throws -> Void

    private var size = Self.batch
    private var left: [UUID: Instant] = [:]
    private var failuresInRow = 0
    private var pausedUntil: Instant?

    package init(
        list: @escaping (Int, Set<UUID>) throws -> [(id: UUID, text: String)], check: @escaping () throws -> Void,
        store: @escaping ([MadeEmbedding]) throws -> Void
    ) {
        self.list = list
        self.check = check
        self.store = store
    }

    package enum Step {
        /// Nothing lacks an embedding, but what is left alone.
        case idle
        case worked
        /// A text can't be embedded, and is left alone; others go on.
        case leftAlone(any Error)
        /// Nothing is tried before this time; the error comes once.
        case paused(until: Instant, (any Error)?)
    }

    /// Embeds the next batch.
    package mutating func step(at now: Instant, embed: ([String]) throws -> [[Float]]) -> Step {
        if let pausedUntil, now < pausedUntil { return .paused(until: pausedUntil, nil) }
        left = left.filter { $0.value > now }
        var batch: [(id: UUID, text: String)] = []
        do {
            batch = try list(size, Set(left.keys))
            guard !batch.isEmpty else { return .idle }
            try check()
            let vectors = try embed(batch.map(\.text))
            try store(zip(batch, vectors).map { MadeEmbedding(id: $0.id, text: $0.text, vector: $1) })
            (size, failuresInRow, pausedUntil) = (min(2 * size, Self.batch), 0, nil)
            return .worked
        } catch let error as EmbeddingError where error.mayBeOfOneText && batch.count > 1 {
            size = batch.count / 2
            return .worked
        } catch {
            failuresInRow += 1
            if let error = error as? EmbeddingError, error.mayBeOfOneText, let row = batch.first {
                left[row.id] = now + Self.longestPause
                if failuresInRow < Self.fewestOfAFault, left.count < Self.mostLeft { return .leftAlone(error) }
            }
            let end = now + pause(after: error)
            pausedUntil = end
            return .paused(until: end, error)
        }
    }

    private func pause(after error: any Error) -> Duration {
        let growing = min(Self.shortestPause * (1 << min(failuresInRow - 1, 7)), Self.longestPause)
        return switch error {
        case EmbeddingError.unavailable(_, let retryAfter):
            min(max(retryAfter ?? growing, .seconds(1)), Self.longestRetryAfter)
        case EmbeddingError.costLimit(let retryAfter): min(retryAfter, Self.longestPause)
        default: growing
        }
    }
}

extension EmbeddingError {
    /// Whether another text might be embedded all the same.
    fileprivate var mayBeOfOneText: Bool {
        switch self {
        case .refused, .malformedAnswer, .deadlineExceeded: true
        case .unavailable, .costLimit, .closed, .invalidModelFolder, .invalidConfiguration: false
        }
    }
}
