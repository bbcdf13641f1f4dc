import GRDB
import Logging

/// Folders of vectors that no committed collection owns. A kill leaves such ones half made or half removed; but to a
/// database that was lost, or is older than the vectors, whole collections look like them. So a folder is removed only
/// when the database proves that it is of no use, or when nothing was ever written to it.
extension StorageLoader {
    /// Throws `.storage` when there are vectors, but the database is missing or never had a collection.
    func requireDatabase() throws {
        guard try highestCollection() == 0 else { return }
        let folders = try collectionFolders().filter(holdsRows)
        guard !folders.isEmpty else { return }
        throw EngineError.storage(
            """
            \(layout.vectors) holds the vectors of \(folders.count) collections, but the database \(layout.database) is \
            missing or empty. Put it back together with its -wal file, or move the folder \(layout.vectors) away to \
            begin anew
            """)
    }

    /// The highest number that a collection ever had, read before anything is written; 0 without a database.
    private func highestCollection() throws -> Int64 {
        guard fileSystem.exists(layout.database) else { return 0 }
        do {
            let queue = try EngineDatabase.reader(path: layout.database, environment)
            defer { try? queue.close() }
            return try queue.read { try Self.highestCollection($0) }
        } catch let error as DatabaseError {
            throw EngineError.storage("Can't open the database \(layout.database): \(error)")
        }
    }

    static func highestCollection(_ db: GRDB.Database) throws -> Int64 {
        guard try db.tableExists("sqlite_sequence") else { return 0 }
        return try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'collections'") ?? 0
    }

    /// Throws `.storage` when there are vectors of other generations than the committed one, and none of that: they are
    /// newer than the database.
    func requireGeneration(_ stored: StoredCollection) throws {
        let generations = try fileSystem.list(layout.vectors(stored.id))
        guard generations.isEmpty || generations.contains("\(stored.generation)") else {
            throw EngineError.storage(
                """
                Collection `\(stored.name)`: \(layout.vectors(stored.id)) has no generation \(stored.generation), only \
                \(generations.sorted().joined(separator: ", ")); the database is older than the vectors
                """)
        }
    }

    /// Removes or sets aside what no committed collection or generation owns.
    func clearOrphans(_ catalog: Catalog, highestCollection: Int64) throws {
        let generations = Dictionary(
            uniqueKeysWithValues: catalog.collections.values.map { ($0.id, "\($0.generation.number)") })
        for id in try collectionFolders() {
            if let generation = generations[id] {
                // The committed generation is there, so that any other was dropped, or never came to be.
                for entry in try fileSystem.list(layout.vectors(id)) where entry != generation {
                    try fileSystem.remove("\(layout.vectors(id))/\(entry)")
                }
            } else if try id <= highestCollection || !holdsRows(id) {
                try fileSystem.remove(layout.vectors(id))
            } else {
                try setAside(id)
            }
        }
        for entry in try fileSystem.list(layout.derived) {
            guard let id = Int64(entry), let generation = generations[id] else {
                try fileSystem.remove("\(layout.derived)/\(entry)")
                continue
            }
            for entry in try fileSystem.list(layout.derived(id)) where entry != generation {
                try fileSystem.remove("\(layout.derived(id))/\(entry)")
            }
        }
    }

    /// The collections that the database can't know, and of which there are rows.
    func unknownCollections(highestCollection: Int64) throws -> [Int64] {
        try collectionFolders().filter { try $0 > highestCollection && holdsRows($0) }
    }

    private func setAside(_ id: Int64) throws {
        try fileSystem.createDirectory(layout.setAside)
        var number = 1
        while fileSystem.exists(layout.setAside(id, number)) { number += 1 }
        try fileSystem.rename(layout.vectors(id), to: layout.setAside(id, number))
        logger.error(
            "Vectors of a collection that the database doesn't know were set aside; the database may be an older one",
            metadata: ["folder": "\(layout.setAside(id, number))"])
    }

    private func collectionFolders() throws -> [Int64] {
        try fileSystem.list(layout.vectors).compactMap { Int64($0) }.sorted()
    }

    /// Whether any byte of the folder's files was ever written: files are grown ahead with zeros.
    private func holdsRows(_ id: Int64) throws -> Bool { try holdsRows(layout.vectors(id)) }

    private func holdsRows(_ path: String) throws -> Bool {
        guard fileSystem.status(path) != nil else {
            return try fileSystem.list(path).contains { try holdsRows("\(path)/\($0)") }
        }
        let file = try fileSystem.open(path, create: false)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var offset = 0
        while true {
            let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
            if count == 0 { return false }
            if buffer[..<count].contains(where: { $0 != 0 }) { return true }
            offset += count
        }
    }
}
