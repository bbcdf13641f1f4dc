import Foundation
import GRDBSQLite
import SearchEngine
import Synchronization

/// SQLite's door to a `MemoryFileSystem` (https://sqlite.org/vfs.html): its databases lie beside the engine's other files.
///
/// Locks and the shared memory of write-ahead logs work among the connections of this process.
final class MemoryDatabaseVFS: @unchecked Sendable {
    // Unchecked: SQLite calls it from any thread; what is shared is in `shared`.
    let name = "memory-\(UUID().uuidString)"
    fileprivate let files: MemoryFileSystem
    fileprivate let time: any TimeSource
    private let vfs: UnsafeMutablePointer<sqlite3_vfs>
    private let nameBytes: UnsafeMutablePointer<CChar>
    private let shared = Mutex<[String: SharedDatabase]>([:])

    init(_ files: MemoryFileSystem, _ time: any TimeSource) {
        self.files = files
        self.time = time
        nameBytes = strdup(name)
        vfs = .allocate(capacity: 1)
        vfs.initialize(to: sqlite3_vfs())
        vfs.pointee.iVersion = 2
        vfs.pointee.szOsFile = Int32(MemoryLayout<OpenFile>.size)
        vfs.pointee.mxPathname = 1_024
        vfs.pointee.zName = UnsafePointer(nameBytes)
        vfs.pointee.pAppData = Unmanaged.passUnretained(self).toOpaque()
        vfs.pointee.xOpen = { vfs, path, file, flags, outFlags in
            owner(vfs).open(path.map { String(cString: $0) }, file, flags, outFlags)
        }
        vfs.pointee.xDelete = { vfs, path, _ in
            guard let path else { return deletionFailed }
            try? owner(vfs).files.remove(String(cString: path))
            return SQLITE_OK
        }
        vfs.pointee.xAccess = { vfs, path, _, result in
            result?.pointee = path.map { owner(vfs).files.exists(String(cString: $0)) } ?? false ? 1 : 0
            return SQLITE_OK
        }
        vfs.pointee.xFullPathname = { _, path, capacity, out in
            guard let path, let out, strlen(path) < capacity else { return SQLITE_CANTOPEN }
            strcpy(out, path)
            return SQLITE_OK
        }
        vfs.pointee.xRandomness = { _, count, out in
            if let out { memset(out, 7, Int(count)) }
            return count
        }
        vfs.pointee.xSleep = { _, microseconds in microseconds }
        vfs.pointee.xCurrentTime = { vfs, out in
            out?.pointee = owner(vfs).time.date.timeIntervalSince1970 / 86_400 + 2_440_587.5
            return SQLITE_OK
        }
        vfs.pointee.xCurrentTimeInt64 = { vfs, out in
            out?.pointee = Int64((owner(vfs).time.date.timeIntervalSince1970 + 210_866_760_000) * 1_000)
            return SQLITE_OK
        }
        vfs.pointee.xGetLastError = { _, _, _ in 0 }
        sqlite3_vfs_register(vfs, 0)
    }

    deinit {
        sqlite3_vfs_unregister(vfs)
        vfs.deallocate()
        free(nameBytes)
    }

    private func open(
        _ path: String?, _ out: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32,
        _ outFlags: UnsafeMutablePointer<Int32>?
    ) -> Int32 {
        guard let out else { return SQLITE_CANTOPEN }
        out.pointee.pMethods = nil
        // A file without a name is SQLite's own, to be thrown away.
        let path = path ?? "/tmp/\(UUID().uuidString)"
        if flags & SQLITE_OPEN_DELETEONCLOSE != 0 { try? files.createDirectory("/tmp") }
        guard let file = files.file(path, create: flags & SQLITE_OPEN_CREATE != 0) else { return SQLITE_CANTOPEN }
        let database = shared.withLock { shared in
            if let found = shared[path], found.file === file { return found }
            let made = SharedDatabase(file)
            shared[path] = made
            return made
        }
        let connection = Connection(
            file, database,
            removing: flags & SQLITE_OPEN_DELETEONCLOSE != 0 ? { [files] in try? files.remove(path) } : nil)
        UnsafeMutableRawPointer(out).assumingMemoryBound(to: OpenFile.self).pointee.connection =
            Unmanaged.passRetained(connection)
        out.pointee.pMethods = UnsafePointer(methods)
        outFlags?.pointee = flags
        return SQLITE_OK
    }
}

private func owner(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) -> MemoryDatabaseVFS {
    Unmanaged<MemoryDatabaseVFS>.fromOpaque(vfs!.pointee.pAppData).takeUnretainedValue()
}

private struct OpenFile {
    var base: sqlite3_file
    var connection: Unmanaged<Connection>?
}

private func connection(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Connection {
    UnsafeMutableRawPointer(file!).assumingMemoryBound(to: OpenFile.self).pointee.connection!.takeUnretainedValue()
}

/// A piece of shared memory.
private final class SharedRegion: @unchecked Sendable {
    // Unchecked: what is in it is SQLite's, which has locks for that.
    let base: UnsafeMutableRawPointer

    init(size: Int) {
        base = .allocate(byteCount: size, alignment: 4_096)
        memset(base, 0, size)
    }

    deinit { base.deallocate() }
}

/// What the connections to one file share.
private final class SharedDatabase: Sendable {
    static let lockCount = 8

    struct State {
        // Locks on the file itself, by https://sqlite.org/lockingv3.html.
        var readers = 0
        var reserved: ObjectIdentifier?
        var pending: ObjectIdentifier?
        var exclusive: ObjectIdentifier?
        // Shared memory of the write-ahead log.
        var regions: [SharedRegion] = []
        var sharedHolders = Array(repeating: 0, count: lockCount)
        var exclusiveHolder: [ObjectIdentifier?] = Array(repeating: nil, count: lockCount)
        var mappings = 0
    }

    let file: MemoryFile
    let state = Mutex(State())

    init(_ file: MemoryFile) { self.file = file }
}

private final class Connection {
    let file: MemoryFile
    private let database: SharedDatabase
    private let removing: (() -> Void)?
    private var level = SQLITE_LOCK_NONE
    private var isMapped = false
    private var sharedLocks = Array(repeating: false, count: SharedDatabase.lockCount)

    init(_ file: MemoryFile, _ database: SharedDatabase, removing: (() -> Void)?) {
        self.file = file
        self.database = database
        self.removing = removing
    }

    private var me: ObjectIdentifier { ObjectIdentifier(self) }

    func close() {
        unlock(SQLITE_LOCK_NONE)
        unmapShared(removing: false)
        removing?()
    }

    func lock(_ wanted: Int32) -> Int32 {
        guard wanted > level else { return SQLITE_OK }
        let isGranted = database.state.withLock { state -> Bool in
            func isFree(_ holder: ObjectIdentifier?) -> Bool { holder == nil || holder == me }
            if level == SQLITE_LOCK_NONE {
                guard isFree(state.pending), isFree(state.exclusive) else { return false }
                state.readers += 1
                level = SQLITE_LOCK_SHARED
            }
            if wanted >= SQLITE_LOCK_RESERVED {
                guard isFree(state.reserved) else { return false }
                state.reserved = me
                level = max(level, SQLITE_LOCK_RESERVED)
            }
            if wanted == SQLITE_LOCK_EXCLUSIVE {
                state.pending = me
                level = SQLITE_LOCK_PENDING
                guard state.readers == 1 else { return false }
                state.exclusive = me
                level = SQLITE_LOCK_EXCLUSIVE
            }
            return true
        }
        return isGranted ? SQLITE_OK : SQLITE_BUSY
    }

    func unlock(_ wanted: Int32) {
        guard wanted < level else { return }
        database.state.withLock { state in
            if state.reserved == me { state.reserved = nil }
            if state.pending == me { state.pending = nil }
            if state.exclusive == me { state.exclusive = nil }
            if wanted == SQLITE_LOCK_NONE { state.readers -= 1 }
        }
        level = wanted
    }

    var isReserved: Bool { database.state.withLock { $0.reserved != nil } }

    func mapShared(_ region: Int, size: Int, extends: Bool) -> UnsafeMutableRawPointer? {
        if !isMapped {
            isMapped = true
            database.state.withLock { $0.mappings += 1 }
        }
        let found: SharedRegion? = database.state.withLock { state in
            while extends, state.regions.count <= region { state.regions.append(SharedRegion(size: size)) }
            return region < state.regions.count ? state.regions[region] : nil
        }
        return found?.base
    }

    func lockShared(_ places: Range<Int>, _ flags: Int32) -> Int32 {
        let isGranted = database.state.withLock { state -> Bool in
            let isShared = flags & SQLITE_SHM_SHARED != 0
            if flags & SQLITE_SHM_UNLOCK != 0 {
                for place in places {
                    if isShared, sharedLocks[place] {
                        sharedLocks[place] = false
                        state.sharedHolders[place] -= 1
                    } else if !isShared, state.exclusiveHolder[place] == me {
                        state.exclusiveHolder[place] = nil
                    }
                }
                return true
            }
            for place in places {
                let others = state.sharedHolders[place] - (sharedLocks[place] ? 1 : 0)
                guard state.exclusiveHolder[place] == nil || state.exclusiveHolder[place] == me,
                    isShared || others == 0
                else { return false }
            }
            for place in places {
                if isShared {
                    if !sharedLocks[place] { state.sharedHolders[place] += 1 }
                    sharedLocks[place] = true
                } else {
                    state.exclusiveHolder[place] = me
                }
            }
            return true
        }
        return isGranted ? SQLITE_OK : SQLITE_BUSY
    }

    func unmapShared(removing: Bool) {
        guard isMapped else { return }
        isMapped = false
        _ = lockShared(0..<SharedDatabase.lockCount, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED)
        _ = lockShared(0..<SharedDatabase.lockCount, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE)
        database.state.withLock { state in
            state.mappings -= 1
            if removing, state.mappings == 0 { state.regions = [] }
        }
    }
}

/// SQLite's calls on an open file.
private nonisolated(unsafe) let methods: UnsafeMutablePointer<sqlite3_io_methods> = {
    let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
    methods.initialize(to: sqlite3_io_methods())
    // Version 3 would map the file, which is memory already.
    methods.pointee.iVersion = 2
    methods.pointee.xClose = { file in
        connection(file).close()
        UnsafeMutableRawPointer(file!).assumingMemoryBound(to: OpenFile.self).pointee.connection?.release()
        return SQLITE_OK
    }
    methods.pointee.xRead = { file, buffer, count, offset in
        let target = UnsafeMutableRawBufferPointer(start: buffer, count: Int(count))
        guard let read = try? connection(file).file.read(into: target, at: Int(offset)) else {
            return readFailed
        }
        guard read < target.count else { return SQLITE_OK }
        memset(target.baseAddress! + read, 0, target.count - read)
        return shortRead
    }
    methods.pointee.xWrite = { file, buffer, count, offset in
        let bytes = UnsafeRawBufferPointer(start: buffer, count: Int(count))
        return (try? connection(file).file.write(bytes, at: Int(offset))) == nil ? SQLITE_FULL : SQLITE_OK
    }
    methods.pointee.xTruncate = { file, size in
        connection(file).file.truncate(Int(size))
        return SQLITE_OK
    }
    methods.pointee.xSync = { file, _ in (try? connection(file).file.sync()) == nil ? syncFailed : SQLITE_OK }
    methods.pointee.xFileSize = { file, size in
        size?.pointee = Int64(connection(file).file.count)
        return SQLITE_OK
    }
    methods.pointee.xLock = { file, level in connection(file).lock(level) }
    methods.pointee.xUnlock = { file, level in
        connection(file).unlock(level)
        return SQLITE_OK
    }
    methods.pointee.xCheckReservedLock = { file, result in
        result?.pointee = connection(file).isReserved ? 1 : 0
        return SQLITE_OK
    }
    methods.pointee.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
    methods.pointee.xSectorSize = { _ in 4_096 }
    methods.pointee.xDeviceCharacteristics = { _ in 0 }
    methods.pointee.xShmMap = { file, region, size, extends, out in
        out?.pointee = connection(file).mapShared(Int(region), size: Int(size), extends: extends != 0)
        return SQLITE_OK
    }
    methods.pointee.xShmLock = { file, offset, count, flags in
        connection(file).lockShared(Int(offset)..<Int(offset + count), flags)
    }
    methods.pointee.xShmBarrier = { _ in atomicFence() }
    methods.pointee.xShmUnmap = { file, deletes in
        connection(file).unmapShared(removing: deletes != 0)
        return SQLITE_OK
    }
    return methods
}()

// Extended codes, which C builds by arithmetic that Swift doesn't see.
private let readFailed = SQLITE_IOERR | 1 << 8
private let shortRead = SQLITE_IOERR | 2 << 8
private let syncFailed = SQLITE_IOERR | 4 << 8
private let deletionFailed = SQLITE_IOERR | 10 << 8

private func atomicFence() { atomicMemoryFence(ordering: .sequentiallyConsistent) }
