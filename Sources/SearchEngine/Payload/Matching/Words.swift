import Foundation

/// Where words begin and end.
enum Words {
    static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9": return true
            default: return false
            }
        }
        switch scalar.properties.generalCategory {
        case .decimalNumber, .letterNumber, .otherNumber: return true
        default: return scalar.properties.isAlphabetic
        }
    }

    /// The longest runs of scalars that are parts of words.
    static func split(_ text: String, isPart: (Unicode.Scalar) -> Bool) -> [String] {
        var words: [String] = []
        let scalars = text.unicodeScalars
        var start: String.Index?
        for index in scalars.indices {
            if isPart(scalars[index]) {
                if start == nil { start = index }
            } else if let begin = start {
                words.append(String(scalars[begin..<index]))
                start = nil
            }
        }
        if let start { words.append(String(scalars[start...])) }
        return words
    }

    /// What `split` into alphanumerics gives, faster; `nil` if the text isn't all ASCII.
    static func ascii(_ text: String, lowercase: Bool) -> [String]? {
        var text = text
        return text.withUTF8 { utf8 -> [String]? in
            guard utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
            var words: [String] = []
            var start = 0
            for end in 0...utf8.count {
                if end < utf8.count, isAlphanumeric(Unicode.Scalar(utf8[end])) { continue }
                if end > start {
                    words.append(
                        String(unsafeUninitializedCapacity: end - start) { word in
                            for index in start..<end {
                                let byte = utf8[index]
                                let isUpper = lowercase && (0x41...0x5A).contains(byte)
                                word[index - start] = isUpper ? byte | 0x20 : byte
                            }
                            return end - start
                        })
                }
                start = end + 1
            }
            return words
        }
    }

    /// Words as Unicode's text segmentation (UAX #29) finds them, without accents and other marks: ideographs and
    /// kana stand alone, other letters and digits form runs.
    static func multilingual(_ text: String) -> [String] {
        let folded = text.decomposedStringWithCompatibilityMapping.unicodeScalars.filter { scalar in
            scalar.properties.generalCategory != .nonspacingMark
        }
        var words: [String] = []
        for run in split(String(String.UnicodeScalarView(folded)), isPart: isAlphanumeric) {
            var word = String.UnicodeScalarView()
            for scalar in run.unicodeScalars {
                guard standsAlone(scalar) else {
                    word.append(scalar)
                    continue
                }
                if !word.isEmpty { words.append(String(word)) }
                word = String.UnicodeScalarView()
                words.append(String(scalar))
            }
            if !word.isEmpty { words.append(String(word)) }
        }
        return words
    }

    /// Ideographs, hiragana, and the scripts of South East Asia that write without blanks.
    private static func standsAlone(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.properties.isIdeographic { return true }
        switch scalar.value {
        case 0x3041...0x309F, 0x0E00...0x0EFF, 0x1000...0x109F, 0x1780...0x17FF: return true
        default: return false
        }
    }
}
