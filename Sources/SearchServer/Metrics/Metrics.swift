import OpenAI
import SearchEngine
import Services
import TrendStore

/// `GET /metrics`: Qdrant's names where it has one for the same thing, and `trendex_…`.
enum Metrics {
    static func reply(_ call: Call) throws -> Reply {
        var text = PrometheusText(prefix: call.service.configuration.metricsPrefix)
        text.family("app_info", .gauge, "information about the server")
        text.sample("app_info", [("name", "qdrant"), ("version", ServerVersion.api)], 1)
        text.family("trendex_info", .gauge, "version of Trendex")
        text.sample("trendex_info", [("version", ServerVersion.trendex)], 1)
        text.metric("app_status_recovery_mode", .gauge, "is recovery mode enabled", 0)
        text.metric("cluster_enabled", .gauge, "is cluster support enabled", 0)
        writeCollections(call.engine, into: &text)
        writeResponses(call.service.metrics.entries(), into: &text)
        writeRequests(call.service.metrics.entries() + call.service.metrics.unmatchedEntries(), into: &text)
        writeProcess(into: &text)
        text.metric(
            "trendex_database_memory_bytes", .gauge, "bytes allocated by the database, for all collections",
            call.engine.databaseMemory)
        text.metric(
            "trendex_request_memory_bytes", .gauge, "bytes of requests that are being read or worked on",
            call.service.requestMemory.usedBytes)
        text.metric(
            "trendex_reply_memory_bytes", .gauge, "bytes of large answers that wait to be received",
            call.service.replyMemory.usedBytes)
        text.metric(
            "trendex_write_queue_bytes", .gauge, "bytes of changes that wait for the writer",
            call.engine.writeQueueBytes)
        text.metric(
            "trendex_kept_changes_bytes", .gauge, "bytes of changes that are kept for index builds and compactions",
            call.engine.keptChangeBytes)
        if let disk = DiskSpace(of: call.service.configuration.engine.storagePath) {
            text.metric("trendex_storage_free_bytes", .gauge, "free bytes of the storage's disk", disk.free)
            text.metric("trendex_storage_size_bytes", .gauge, "bytes of the storage's disk", disk.size)
        }
        text.metric(
            "trendex_requests_in_flight", .gauge, "requests that have come in and aren't answered yet",
            call.service.requestsInFlight.load(ordering: .relaxed))
        text.metric(
            "trendex_connections", .gauge, "connections that are open",
            call.service.connections.openConnections)
        text.metric(
            "trendex_connections_refused_total", .counter, "connections beyond the limit, which were refused",
            call.service.connections.refusedConnections)
        if let limiter = call.service.limiter {
            text.metric(
                "trendex_rate_limited_total", .counter, "requests beyond a rate limit, which were refused",
                limiter.refusedCount)
            text.metric("trendex_rate_limit_buckets", .gauge, "buckets of rate limits in memory", limiter.bucketCount)
        }
        if let texts = call.service.services.texts {
            text.metric("trendex_texts_embedded_total", .counter, "texts that were embedded", texts.embeddedTexts)
            text.metric(
                "trendex_embedding_failures_total", .counter, "attempts to embed texts that failed",
                texts.failedAttempts)
            if let dollars = texts.dollarsToday {
                text.metric(
                    "trendex_embedding_dollars_today", .gauge, "what the embedding service has cost today (UTC)",
                    dollars)
            }
        }
        if let analyst = call.service.services.analyst {
            text.metric(
                "trendex_analyst_dollars_today", .gauge, "what the analyst's service has cost today (UTC)",
                analyst.dollarsToday)
        }
        writeModelCalls(call.service.services.modelCalls.entries, into: &text)
        writeExecutions(call.service.services.executions.entries, into: &text)
        // Zeros would say that no job waits.
        if let jobs = try? call.service.services.trends.jobCounts() {
            text.family("trendex_jobs", .gauge, "jobs of the trend store")
            for status in JobStatus.allCases {
                text.sample("trendex_jobs", [("status", status.rawValue)], jobs[status] ?? 0)
            }
        }
        text.family("trendex_event_streams", .gauge, "streams of events that are open")
        for kind in EventStreamKind.allCases {
            text.sample("trendex_event_streams", [("kind", kind.rawValue)], call.service.events.count(kind))
        }
        text.metric(
            "trendex_event_streams_dropped_total", .counter,
            "streams of events whose client took nothing or was silent, and which were ended",
            call.service.events.droppedStreams)
        text.metric(
            "trendex_log_lost_lines_total", .counter, "log lines that could not be written",
            LogOutput.standard.lostLines)
        text.metric(
            "trendex_uptime_seconds", .gauge, "seconds since the start", call.service.startTime.secondsSince)
        return .bytes(Array(text.text.utf8), contentType: "text/plain; version=0.0.4; charset=utf-8")
    }

    private static func writeModelCalls(
        _ entries: [(model: String, entry: ModelCallMetrics.Entry)], into text: inout PrometheusText
    ) {
        guard !entries.isEmpty else { return }
        text.family("llm_calls_total", .counter, "requests to models of services by what became of them")
        for (model, entry) in entries {
            for status in OpenAICall.Status.allCases {
                text.sample(
                    "llm_calls_total", [("model", model), ("status", status.rawValue)], entry.calls[status] ?? 0)
            }
        }
        text.family("llm_cost_dollars_total", .counter, "what requests to models of services have cost")
        for (model, entry) in entries { text.sample("llm_cost_dollars_total", [("model", model)], entry.dollars) }
        text.family("llm_call_duration_seconds", .histogram, "time from a request to a model to the end of its answer")
        for (model, entry) in entries {
            text.histogram("llm_call_duration_seconds", [("model", model)], entry.durations)
        }
    }

    private static func writeExecutions(
        _ entries: [(key: ExecutionMetrics.Key, durations: DurationHistogram)], into text: inout PrometheusText
    ) {
        guard !entries.isEmpty else { return }
        text.family("agent_execution_seconds", .histogram, "how long runs of agents took that have ended")
        for (key, durations) in entries {
            text.histogram(
                "agent_execution_seconds", [("agent_type", key.agentType), ("status", key.status.rawValue)], durations)
        }
    }

    private static func writeCollections(_ engine: Engine, into text: inout PrometheusText) {
        // A collection that is deleted in between is left out.
        let names = engine.collectionNames().sorted()
        let infos = names.compactMap { name in
            (try? engine.collectionInfo(name, schema: false)).map { (name: name, info: $0) }
        }
        text.metric("collections_total", .gauge, "number of collections", infos.count)
        let vectors = infos.reduce(0) { $0 + $1.info.vectorsCount }
        text.metric("collections_vector_total", .gauge, "total number of vectors in all collections", vectors)
        let families: [(String, String, (CollectionInfo) -> Int)] = [
            ("collection_points", "number of points of a collection", \.pointsCount),
            ("trendex_collection_vectors", "number of stored vectors of a collection", \.vectorsCount),
            ("trendex_collection_indexed_vectors", "number of vectors linked in graphs", \.indexedVectorsCount),
            (
                "trendex_collection_unindexable_vectors",
                "number of vectors that each search scans, as there is no memory to index them",
                \.unindexableVectorsCount
            ),
        ]
        for (name, help, value) in families where !infos.isEmpty {
            text.family(name, .gauge, help)
            for (collection, info) in infos { text.sample(name, [("id", collection)], value(info)) }
        }
        writeMemory(names.compactMap { name in (try? engine.memory(name)).map { (name, $0) } }, into: &text)
        writeRecall(names.compactMap { name in (try? engine.recall(name)).map { (name, $0) } }, into: &text)
    }

    private static func writeMemory(
        _ collections: [(name: String, memory: CollectionMemory)], into text: inout PrometheusText
    ) {
        guard !collections.isEmpty else { return }
        let parts: [(String, (CollectionMemory) -> Int)] = [
            ("codes", \.codes), ("reduced_codes", \.reducedCodes), ("links", \.links), ("ids", \.ids),
            ("payload_indexes", \.allPayloadIndexes),
        ]
        let resident = "trendex_collection_resident_bytes"
        text.family(resident, .gauge, "anonymous memory of a collection by what it is for")
        for (collection, memory) in collections {
            for (part, value) in parts {
                text.sample(resident, [("id", collection), ("part", part)], value(memory))
            }
        }
        let families: [(String, String, (CollectionMemory) -> Int)] = [
            ("trendex_collection_mapped_bytes", "bytes of memory-mapped vector files", \.mapped),
            ("trendex_collection_mapped_resident_bytes", "bytes of mapped vector files that are in memory", \.cached),
        ]
        for (name, help, value) in families {
            text.family(name, .gauge, help)
            for (collection, memory) in collections { text.sample(name, [("id", collection)], value(memory)) }
        }
    }

    private static func writeRecall(
        _ collections: [(name: String, recall: CollectionRecall)], into text: inout PrometheusText
    ) {
        let vectors = collections.flatMap { name, recall in
            recall.vectors.map { (labels: [("id", name), ("vector", $0.name)], vector: $0) }
        }
        func family(
            _ name: String, _ help: String, _ value: (CollectionRecall.Vector) -> (any CustomStringConvertible)?
        ) {
            let samples = vectors.compactMap { entry in value(entry.vector).map { (entry.labels, "\($0)") } }
            guard !samples.isEmpty else { return }
            text.family(name, .gauge, help)
            for (labels, sample) in samples { text.sample(name, labels, sample) }
        }
        let recall = "trendex_collection_recall"
        family(recall, "share of the true 10 nearest points that searches find, measured in the background") {
            $0.background?.recall
        }
        family("\(recall)_lower", "lower end of the 95 % confidence interval of the measured recall") {
            $0.background?.bounds.lowerBound
        }
        family("\(recall)_queries", "queries that the recall was measured by") { $0.background?.queries }
        family("trendex_collection_unreachable_points", "linked points that searches don't find by their own vectors") {
            $0.isScanned ? nil : $0.reachability.unreachable
        }
        let reached: [(String, String, KeyPath<CollectionRecall.Reachability, Int>)] = [
            ("mended_points", "linked points that weren't found and were linked anew", \.mended),
            ("entry_points", "places where walks begin besides the usual one", \.entryPoints),
        ]
        for (name, help, figure) in reached {
            family("trendex_collection_\(name)", help) { $0.isScanned ? nil : $0.reachability[keyPath: figure] }
        }
    }

    private static func writeResponses(_ entries: [RequestMetrics.Entry], into text: inout PrometheusText) {
        guard !entries.isEmpty else { return }
        func labels(_ entry: RequestMetrics.Entry) -> [(String, String)] {
            [("method", entry.method), ("endpoint", entry.path), ("status", "\(entry.status)")]
        }
        text.family("rest_responses_total", .counter, "total number of responses")
        for entry in entries { text.sample("rest_responses_total", labels(entry), entry.statistics.count) }
        text.family("rest_responses_fail_total", .counter, "total number of failed responses")
        for entry in entries {
            text.sample("rest_responses_fail_total", labels(entry), entry.status >= 500 ? entry.statistics.count : 0)
        }
        let timed = entries.filter { $0.status == 200 }
        guard !timed.isEmpty else { return }
        let families: [(String, String, (RequestMetrics.Statistics) -> Double)] = [
            (
                "rest_responses_avg_duration_seconds", "average response duration",
                { $0.total.seconds / Double($0.count) }
            ),
            ("rest_responses_min_duration_seconds", "minimum response duration", { $0.least.seconds }),
            ("rest_responses_max_duration_seconds", "maximum response duration", { $0.most.seconds }),
        ]
        for (name, help, value) in families {
            text.family(name, .gauge, help)
            for entry in timed { text.sample(name, labels(entry), value(entry.statistics)) }
        }
        let histogram = "rest_responses_duration_seconds"
        text.family(histogram, .histogram, "response duration histogram")
        for entry in timed { text.histogram(histogram, labels(entry), entry.statistics.durations) }
    }

    /// Requests of both APIs, those that no endpoint is for among them. An endpoint is named by its route with the names of its
    /// parameters, so that there are as many labels as routes.
    private static func writeRequests(_ entries: [RequestMetrics.Entry], into text: inout PrometheusText) {
        guard !entries.isEmpty else { return }
        text.family("api_requests_total", .counter, "requests by method, route and status")
        for entry in entries {
            let labels = [("method", entry.method), ("endpoint", entry.path), ("status", "\(entry.status)")]
            text.sample("api_requests_total", labels, entry.statistics.count)
        }
        let histogram = "api_request_duration_seconds"
        text.family(histogram, .histogram, "time from a request's head to its answer, of all statuses")
        var rest = entries[...]
        while let first = rest.first {
            let same = rest.prefix { $0.method == first.method && $0.path == first.path }
            rest = rest.dropFirst(same.count)
            var sum = RequestMetrics.Statistics()
            for entry in same { sum.add(entry.statistics) }
            text.histogram(histogram, [("method", first.method), ("endpoint", first.path)], sum.durations)
        }
    }

    private static func writeProcess(into text: inout PrometheusText) {
        let usage = ProcessUsage.current()
        // As at Qdrant without the pages of mapped files, which the system may drop.
        if let bytes = usage.anonymousBytes {
            text.metric("memory_resident_bytes", .gauge, "bytes of anonymous memory in resident pages", bytes)
        }
        if let bytes = usage.mappedBytes {
            text.metric(
                "trendex_memory_mapped_resident_bytes", .gauge, "bytes of mapped files in resident pages", bytes)
        }
        if let bytes = usage.residentBytes {
            text.metric("process_resident_memory_bytes", .gauge, "bytes in resident pages, both kinds", bytes)
        }
        if let threads = usage.threads {
            text.metric("process_threads", .gauge, "count of active threads", threads)
        }
        if let files = usage.openFiles {
            text.metric("process_open_fds", .gauge, "count of currently open file descriptors", files)
        }
        if let files = usage.maxOpenFiles {
            text.metric("process_max_fds", .gauge, "limit for open file descriptors", files)
        }
        text.metric("process_cpu_seconds_total", .counter, "user and system time", usage.cpuSeconds)
    }
}
