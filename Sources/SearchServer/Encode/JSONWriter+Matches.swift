import JSON
import Services
import TrendStore

/// How a search of trends or ideas was answered, and why a hit is one.
extension JSONWriter {
    /// `{"semantic": {"rank", "score"}, "text": {"rank", "score", "terms", "words", "fields"}}`; of each what there is.
    mutating func write(_ semantic: SemanticMatch?, _ text: TextMatch?) {
        object { writer in
            if let semantic {
                writer.key("semantic")
                writer.object { $0.writeMembers(semantic.rank, semantic.score) }
            }
            if let text {
                writer.key("text")
                writer.object { writer in
                    writer.writeMembers(text.rank, text.score)
                    writer.key("terms")
                    writer.write(text.terms)
                    writer.key("words")
                    writer.write(text.words)
                    writer.key("fields")
                    writer.write(text.fields)
                }
            }
        }
    }

    /// The members of the answer's `meta`.
    mutating func writeMembers(_ mode: SearchMode, _ words: SearchedWords?) {
        key("mode")
        write(mode.rawValue)
        guard let words else { return }
        key("text")
        object { writer in
            writer.key("terms")
            writer.write(words.terms)
            writer.key("excluded")
            writer.write(words.excluded)
            writer.key("ignored")
            writer.write(words.ignored)
            writer.key("complete")
            writer.write(words.isComplete)
        }
    }

    private mutating func writeMembers(_ rank: Int, _ score: Float) {
        key("rank")
        write(rank)
        key("score")
        write(score)
    }

    private mutating func write(_ texts: [String]) {
        array { writer in for text in texts { writer.write(text) } }
    }
}
