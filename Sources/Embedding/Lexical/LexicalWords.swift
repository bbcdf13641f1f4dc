import Foundation

/// The words of a text for lexical features.
enum LexicalWords {
    /// Calls `body` with each word: letters and digits in a row, in lower case, in compatibility decomposition (so that
    /// full-width letters and ligatures are like others) and without accents. Scripts without spaces make long words, which
    /// are alike by their parts.
    ///
    /// Unicode promises that decompositions of assigned characters never change, so neither do words of characters that
    /// were assigned when a text was embedded.
    static func forEach(in text: String, longestText: Int, _ body: ([UInt32]) -> Void) {
        var word: [UInt32] = []
        func end() {
            if !word.isEmpty { body(word) }
            word.removeAll(keepingCapacity: true)
        }
        func take(_ scalar: Unicode.Scalar) {
            if scalar.value < 0x80 {
                switch UInt8(scalar.value) {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    word.append(scalar.value)
                case UInt8(ascii: "A")...UInt8(ascii: "Z"): word.append(scalar.value | 0x20)
                default: end()
                }
                return
            }
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
                .letterNumber, .otherNumber, .spacingMark:
                for folded in scalar.properties.lowercaseMapping.unicodeScalars
                where folded.properties.generalCategory != .nonspacingMark {
                    word.append(folded.value)
                }
            case .nonspacingMark, .enclosingMark, .format: break  // Part of the letter before it.
            default: end()
            }
        }
        let scalars = text.unicodeScalars.prefix(longestText)
        if scalars.allSatisfy(\.isASCII) {
            for scalar in scalars { take(scalar) }
        } else {
            for scalar in String(String.UnicodeScalarView(scalars)).decomposedStringWithCompatibilityMapping
                .unicodeScalars
            {
                take(scalar)
            }
        }
        end()
    }
}
