import Foundation

/// What becomes of a Unicode scalar in a word: its form without case, width and diacritics, and what it is to words.
struct FoldedScalar {
    enum Kind: UInt8 {
        /// Ends a word: white space, punctuation, symbols, emoji.
        case separator
        /// A to z.
        case latin
        case cyrillic
        /// A letter of another script, or a mark that its words can't be without.
        case letter
        case digit
        /// A word by itself: ideographs and hiragana, which are written without spaces.
        case single
        /// Part of a word between two letters (UAX #29, WB6 and WB7).
        case apostrophe
        /// Adds nothing to a word and doesn't end it: combining diacritics, joiners, variation selectors.
        case ignored
        /// The breve: ignored but behind и, with which it is й.
        case breve
    }

    var kind: Kind
    /// UTF-8, from the lowest byte on.
    var bytes: UInt64 = 0
    var count = 0

    /// Scalars of Latin, Greek, Cyrillic and their like.
    static let common: [FoldedScalar] = (0..<UInt32(0x800)).map { FoldedScalar(Unicode.Scalar($0)!) }

    init(_ scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x27, 0x2019, 0x02BC, 0xFF07: self.init(.apostrophe)
        case 0x306: self.init(.breve)
        case 0x300...0x36F: self.init(.ignored)
        // Й is a letter of its own, which the stemmer needs, and no и with a diacritic.
        case 0x419, 0x439: self.init(.cyrillic, "й")
        case 0xDF, 0x1E9E: self.init(.latin, "ss")
        case 0x3C2: self.init(.letter, "σ")
        default: self = Self.other(scalar)
        }
    }

    private init(_ kind: Kind, _ text: String = "") {
        self.kind = kind
        count = text.utf8.count
        for byte in text.utf8.reversed() { bytes = bytes << 8 | UInt64(byte) }
    }

    private static func other(_ scalar: Unicode.Scalar) -> FoldedScalar {
        let properties = scalar.properties
        guard !properties.isDefaultIgnorableCodePoint else { return FoldedScalar(.ignored) }
        guard isPartOfWord(scalar) else {
            return FoldedScalar(properties.generalCategory == .enclosingMark ? .ignored : .separator)
        }
        let folded = String(
            String.UnicodeScalarView(
                properties.lowercaseMapping.decomposedStringWithCompatibilityMapping.lowercased().unicodeScalars
                    .filter { !(0x300...0x36F).contains($0.value) }))
        let isWhole = folded.unicodeScalars.allSatisfy(isPartOfWord) && 1...8 ~= folded.utf8.count
        let text = isWhole ? folded : String(scalar)
        return FoldedScalar(kind(of: scalar, text), text)
    }

    private static func kind(of scalar: Unicode.Scalar, _ folded: String) -> Kind {
        if scalar.properties.isIdeographic || (0x3041...0x309F).contains(scalar.value) { return .single }
        let scalars = folded.unicodeScalars
        if scalars.allSatisfy({ ("a"..."z").contains($0) }) { return .latin }
        if scalars.allSatisfy({ (0x400...0x52F).contains($0.value) }) { return .cyrillic }
        return scalars.allSatisfy { $0.properties.numericType != nil } ? .digit : .letter
    }

    private static func isPartOfWord(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
            .spacingMark, .decimalNumber, .letterNumber, .otherNumber:
            true
        default: false
        }
    }
}
