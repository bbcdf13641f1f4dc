/// Words that are in nearly every text and tell nothing of it. They are neither indexed nor searched for.
///
/// English: the list of Lucene's `EnglishAnalyzer`. Russian: prepositions, conjunctions, particles, pronouns and forms of быть from
/// Snowball's list. All are as folding leaves words (ё is е).
struct StopWords {
    private static let english = """
        a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was
        will with
        """
    private static let russian = """
        и в во не что он на я с со как а то все она так его но да ты к у же вы за бы по ее мне было вот от меня еще нет о из ему
        ли или ни быть был него до вас уж вам ведь там потом себя ей они тут где есть надо ней для мы тебя их чем была сам чтоб
        без будто чего себе под будет ж тогда кто этот того потому этого какой ним здесь этом мой тем чтобы нее были куда зачем
        всех при об хоть над больше тот через эти нас про них какая этой перед свою этой эту моя своего этих это эта
        """

    static let shared = StopWords()

    /// Open addressing over hashes of words; 0 is a free place. At most a quarter is taken.
    private let table: [UInt64]
    private static let size = 1_024
    /// Longer words are none.
    private static let mostBytes = 14

    private init() {
        var table = [UInt64](repeating: 0, count: Self.size)
        for word in (Self.english + " " + Self.russian).split(whereSeparator: \.isWhitespace) {
            var word = String(word)
            let hash = word.withUTF8 { Self.hash($0) }
            var place = Int(hash % UInt64(Self.size))
            while table[place] != 0, table[place] != hash { place = (place + 1) % Self.size }
            table[place] = hash
        }
        self.table = table
    }

    func contains(_ word: UnsafeBufferPointer<UInt8>) -> Bool {
        guard word.count <= Self.mostBytes else { return false }
        let hash = Self.hash(word)
        var place = Int(hash % UInt64(Self.size))
        while table[place] != 0 {
            if table[place] == hash { return true }
            place = (place + 1) % Self.size
        }
        return false
    }

    /// FNV-1a.
    static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }
}
