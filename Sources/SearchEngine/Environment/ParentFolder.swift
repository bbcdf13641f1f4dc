extension String {
    /// The folder of a path: `a` of `a/b`, `/` of `/a`, `.` of a name alone. By bytes; what Foundation has for it ends the process
    /// for a path of one character (Swift 6.3).
    package var parentFolder: String {
        let slash = UInt8(ascii: "/")
        var bytes = Array(utf8)[...]
        func dropSlashes() { while bytes.count > 1, bytes.last == slash { bytes.removeLast() } }
        dropSlashes()
        guard let last = bytes.lastIndex(of: slash) else { return "." }
        bytes = bytes[...last]
        dropSlashes()
        return String(decoding: bytes, as: UTF8.self)
    }
}
