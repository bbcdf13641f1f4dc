/// What BERT's normaliser and pre-tokenizer do with a Unicode scalar.
///
/// The model was trained with the tokenizer of Hugging Face's `tokenizers`, whose tables are those of Unicode 8: later
/// control characters, marks and punctuation are letters to it, and so they are here. The exceptions at the end are the
/// characters whose category changed later. A stored table of all scalars is compared in the tests.
package enum CharacterClass {
    /// Left out.
    case removed
    /// Parts words.
    case space
    /// A word by itself.
    case punctuation
    /// An ideograph: a word by itself, too.
    case ideograph
    case letter

    package init(_ scalar: Unicode.Scalar) {
        let value = scalar.value
        if value < 0x80 {
            switch value {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: self = .letter
            case 0x09, 0x0A, 0x0D, 0x20: self = .space
            case 0..<0x20, 0x7F: self = .removed
            default: self = .punctuation
            }
            return
        }
        if value == 0xFFFD {
            self = .removed
        } else if Self.isIdeograph(value) {
            self = .ideograph
        } else {
            switch scalar.properties.generalCategory {
            case .spaceSeparator, .lineSeparator, .paragraphSeparator: self = .space
            case .control, .privateUse: self = .removed
            case .format: self = Self.isOld(scalar) ? .removed : .letter
            case .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation, .finalPunctuation,
                .connectorPunctuation, .otherPunctuation:
                self = Self.isOld(scalar) ? .punctuation : .letter
            default: self = Self.formerPunctuation.contains(value) ? .punctuation : .letter
            }
        }
    }

    /// Whether accents are stripped by leaving this scalar out.
    package static func isStripped(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark: isOld(scalar) && !laterMarks.contains(scalar.value)
        case .spacingMark: formerMarks.contains(scalar.value)
        default: false
        }
    }

    private static func isOld(_ scalar: Unicode.Scalar) -> Bool {
        guard let age = scalar.properties.age else { return false }
        return age.major <= 8
    }

    private static let formerPunctuation: Set<UInt32> = [0x166D, 0x111C9]
    private static let formerMarks: Set<UInt32> = [0x1734, 0x1171E]
    private static let laterMarks: Set<UInt32> = [0x1885, 0x1886, 0xA9BD, 0x111C9]

    /// The blocks that BERT takes for Chinese.
    private static func isIdeograph(_ value: UInt32) -> Bool {
        switch value {
        case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
            0x2B920...0x2CEAF, 0x2F800...0x2FA1F:
            true
        default: false
        }
    }
}
