import Foundation
import JSON
import TrendStore

extension JSONWriter {
    mutating func write(_ event: Event) {
        object { writer in
            writer.key("type")
            writer.write(event.type.rawValue)
            writer.key("sequence")
            writer.write(event.sequence)
            writer.key("at")
            writer.write(event.at)
            writer.key("subject")
            writer.write(event.subject)
            writer.key("data")
            writer.write(raw: event.json)
        }
    }

    /// The members of the answer to a changed filter.
    ///
    /// - Parameter position: events behind it are chosen by the filter.
    mutating func writeSubscribed(_ filter: EventFilter, from position: Int64) {
        key("type")
        write("subscribed")
        key("sequence")
        write(position)
        key("types")
        array { writer in for type in filter.types.map(\.rawValue).sorted() { writer.write(type) } }
        key("subjects")
        array { writer in
            for subject in filter.subjects.map({ $0.uuidString.lowercased() }).sorted() { writer.write(subject) }
        }
    }
}
