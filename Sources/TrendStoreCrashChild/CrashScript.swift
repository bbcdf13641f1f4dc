import Foundation
import Quantization

/// What a crashing writer and the test that checks up on it agree on.
package enum CrashScript {
    /// What is written of a row: the change it is at, and the change that gave it its embedding. In its title.
    package struct Revision: Sendable, Hashable, LosslessStringConvertible {
        package var row: Int
        package var embedding: Int

        package init(row: Int, embedding: Int) {
            self.row = row
            self.embedding = embedding
        }

        package init?(_ description: String) {
            let parts = description.split(separator: "/").compactMap { Int($0) }
            guard parts.count == 2 else { return nil }
            self.init(row: parts[0], embedding: parts[1])
        }

        package var description: String { "\(row)/\(embedding)" }
    }

    /// What a transaction leaves of one row; `nil` when it is deleted.
    package struct Outcome: Sendable {
        package var table: String
        package var id: UUID
        package var revision: Revision?

        package init(table: String, id: UUID, revision: Revision?) {
            self.table = table
            self.id = id
            self.revision = revision
        }
    }

    /// A line of the writer's output: `begin` before a transaction, with its outcomes, and `done` when it is durable.
    package enum Line: Sendable {
        case begin(worker: Int, [Outcome])
        case done(worker: Int)

        package var text: String {
            switch self {
            case .begin(let worker, let outcomes):
                let rows = outcomes.map { "\($0.table)=\($0.id)=\($0.revision?.description ?? "-")" }
                return "begin \(worker) \(rows.joined(separator: " "))\n"
            case .done(let worker): return "done \(worker)\n"
            }
        }

        package init?(_ text: Substring) {
            let words = text.split(separator: " ")
            guard words.count >= 2, let worker = Int(words[1]) else { return nil }
            switch words[0] {
            case "done": self = .done(worker: worker)
            case "begin":
                var outcomes: [Outcome] = []
                for word in words.dropFirst(2) {
                    let parts = word.split(separator: "=").map(String.init)
                    guard parts.count == 3, let id = UUID(uuidString: parts[1]) else { return nil }
                    outcomes.append(Outcome(table: parts[0], id: id, revision: Revision(parts[2])))
                }
                self = .begin(worker: worker, outcomes)
            default: return nil
            }
        }
    }

    /// The embedding that a row is given at a revision, not normalised.
    package static func embedding(of id: UUID, revision: Int) -> [Float] {
        var generator = withUnsafeBytes(of: id.uuid) { bytes in
            RandomSource(
                seed: bytes.loadUnaligned(as: UInt64.self) ^ bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
                    &+ UInt64(truncatingIfNeeded: revision))
        }
        return (0..<768).map { _ in Float.random(in: -1...1, using: &generator) }
    }
}

extension UUID {
    /// A random UUID (version 4) of a generator.
    package static func random(using generator: inout some RandomNumberGenerator) -> UUID {
        var bytes: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        withUnsafeMutableBytes(of: &bytes) { target in
            for index in target.indices { target[index] = .random(in: 0...255, using: &generator) }
        }
        bytes.6 = bytes.6 & 0x0F | 0x40
        bytes.8 = bytes.8 & 0x3F | 0x80
        return UUID(uuid: bytes)
    }
}
