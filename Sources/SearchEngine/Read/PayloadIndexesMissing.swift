/// A read needs payload indexes that are not there yet, and may not build them (`Engine.withoutBuildingIndexes`).
public struct PayloadIndexesMissing: Error {
    @TaskLocal static var mayBuild = true
}

extension Engine {
    /// Runs `body`, in which a read throws `PayloadIndexesMissing` rather than build indexes on first use: they take a scan
    /// of all payloads, for which a thread that others wait for should not be held. The read can be repeated elsewhere.
    public static func withoutBuildingIndexes<Value>(_ body: () throws -> Value) rethrows -> Value {
        try PayloadIndexesMissing.$mayBuild.withValue(false, operation: body)
    }
}
