import JSON

/// Settings of a collection that have no effect on this engine, and are kept to be reported back: which there are, and what
/// values they take. Requests and stored configurations are checked by the same tables.
public struct ReportedSettings: Sendable {
    public enum Value: Sendable {
        case bool
        case integer(ClosedRange<Int>)
        case number(ClosedRange<Double>)
        /// An integer, or the word `auto`, which is kept as null.
        case integerOrAuto
        case object
        /// A switch that only takes `false`: what it would switch on is not there.
        case off
    }

    public let values: [(name: String, value: Value)]
    /// Whether members that are not in the table are kept as well.
    public let keepsOthers: Bool

    /// `optimizers_config`
    public static let optimizers = ReportedSettings(
        values: [
            ("deleted_threshold", .number(0...1)), ("vacuum_min_vector_number", .integer(100...Int.max)),
            ("default_segment_number", .integer(0...Int.max)), ("max_segment_size", .integer(1...Int.max)),
            ("memmap_threshold", .integer(0...Int.max)), ("indexing_threshold", .integer(0...Int.max)),
            ("flush_interval_sec", .integer(0...Int.max)), ("max_optimization_threads", .integerOrAuto),
            ("prevent_unoptimized", .off),
        ], keepsOthers: false)

    /// `wal_config`
    public static let wal = ReportedSettings(
        values: [
            ("wal_capacity_mb", .integer(1...Int.max)), ("wal_segments_ahead", .integer(0...Int.max)),
            ("wal_retain_closed", .integer(1...Int.max)),
        ], keepsOthers: false)

    /// `strict_mode_config`: limits may be stored, but not switched on.
    public static let strictMode = ReportedSettings(
        values: [
            ("enabled", .off), ("unindexed_filtering_retrieve", .bool), ("unindexed_filtering_update", .bool),
            ("search_allow_exact", .bool), ("search_max_oversampling", .number(0...Double.greatestFiniteMagnitude)),
            ("multivector_config", .object), ("sparse_config", .object),
            ("max_query_limit", .integer(1...Int.max)), ("max_timeout", .integer(1...Int.max)),
            ("read_rate_limit", .integer(1...Int.max)), ("write_rate_limit", .integer(1...Int.max)),
            ("max_points_count", .integer(1...Int.max)), ("max_resident_memory_percent", .integer(1...100)),
            ("max_disk_usage_percent", .integer(1...100)), ("search_max_hnsw_ef", .integer(0...Int.max)),
            ("upsert_max_batchsize", .integer(0...Int.max)), ("search_max_batchsize", .integer(0...Int.max)),
            ("max_collection_vector_size_bytes", .integer(0...Int.max)),
            ("max_collection_payload_size_bytes", .integer(0...Int.max)),
            ("filter_max_conditions", .integer(0...Int.max)), ("condition_max_size", .integer(0...Int.max)),
            ("max_payload_index_count", .integer(0...Int.max)),
        ], keepsOthers: true)

    /// Throws `.outOfRange`, or `.unsupported` for a switch that can't be on.
    func validate(_ stored: JSONValue, _ path: String) throws {
        guard case .object(let members) = stored else {
            throw EngineError.outOfRange(field: path, "must be an object")
        }
        for (name, value) in values {
            guard let member = members[name], !member.isNull else { continue }
            if let wanted = value.wanted(of: member) {
                throw EngineError.outOfRange(
                    field: "\(path).\(name)", "value \(member.text.prefix(100)) invalid, must be \(wanted)")
            }
            if case .off = value, member == .bool(true) {
                throw EngineError.unsupported("`\(path).\(name)` is not supported by this version of Trendex")
            }
        }
    }
}

extension ReportedSettings.Value {
    /// What a value would have to be that isn't; `nil` for one that is as it should be.
    fileprivate func wanted(of value: JSONValue) -> String? {
        func wanted(_ what: String, unless fits: Bool) -> String? { fits ? nil : what }
        switch self {
        case .bool, .off: return wanted("a boolean", unless: value.boolValue != nil)
        case .integer(let range):
            let text =
                range.upperBound == .max
                ? "\(range.lowerBound) or larger" : "from \(range.lowerBound) to \(range.upperBound)"
            return wanted(text, unless: value.integerValue.map { range.contains(Int($0)) } ?? false)
        case .number(let range):
            return wanted(
                "from \(range.lowerBound) to \(range.upperBound)",
                unless: value.doubleValue.map { range.contains($0) } ?? false)
        case .integerOrAuto:
            return wanted("an unsigned integer or `auto`", unless: value.integerValue.map { $0 >= 0 } ?? false)
        case .object: return wanted("an object", unless: { if case .object = value { true } else { false } }())
        }
    }
}
