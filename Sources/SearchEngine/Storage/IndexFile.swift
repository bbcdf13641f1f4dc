import VectorIndex

/// A derived index file, written and read through the engine's files.
package struct IndexFile {
    package let path: String
    package let fileSystem: any FileSystem

    package init(path: String, fileSystem: any FileSystem) {
        self.path = path
        self.fileSystem = fileSystem
    }

    /// Writes the file under a temporary name, and puts it in the old one's place when it is whole and synced.
    package func save(_ index: VectorIndex) throws {
        let temporary = path + ".tmp"
        try fileSystem.remove(temporary)
        do {
            let file = try fileSystem.open(temporary, create: true)
            try index.save(to: FileBytes(file: file))
            try file.sync()
            try fileSystem.rename(temporary, to: path)
        } catch {
            try? fileSystem.remove(temporary)
            throw error
        }
    }

    /// The index of the file, which may have been made with other settings. Throws `IndexFileError` for a file that doesn't fit,
    /// and what reading throws.
    package func load(parameters: IndexParameters, rowCount: Int) throws -> VectorIndex {
        try VectorIndex.load(
            from: FileBytes(file: fileSystem.open(path, create: false)), parameters: parameters, rowCount: rowCount,
            acceptsOtherSettings: true)
    }
}

/// An open file as an index's bytes.
struct FileBytes: IndexByteSink, IndexByteSource {
    let file: any File

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws { try file.write(bytes, at: offset) }

    func byteCount() throws -> Int { try file.size() }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
        try file.read(into: buffer, at: offset)
    }
}
