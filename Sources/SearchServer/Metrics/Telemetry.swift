import Foundation
import JSON
import SearchEngine

/// `GET /telemetry`, in the shape of Qdrant's. Nothing of it is ever sent anywhere.
enum Telemetry {
    static func reply(_ call: Call) throws -> Reply {
        // Level 0 counts, 1 names the collections, 2 and more shows their configuration, as at Qdrant.
        let level = call.query["details_level"].flatMap { Int($0) } ?? 0
        let names = call.engine.collectionNames().sorted()
        return call.result { writer in
            writer.object { writer in
                writer.key("id")
                writer.write(call.service.instanceID)
                writer.key("app")
                writeApplication(call, &writer)
                writer.key("collections")
                writer.object { writer in
                    writer.key("number_of_collections")
                    writer.write(names.count)
                    if level > 0 {
                        writer.key("collections")
                        writer.array { writer in
                            for name in names { writeCollection(call.engine, name, level, &writer) }
                        }
                    }
                }
                writer.key("cluster")
                writer.object { writer in
                    writer.key("enabled")
                    writer.write(false)
                }
                writer.key("requests")
                writeRequests(call.service.metrics.entries(), &writer)
            }
        }
    }

    private static func writeApplication(_ call: Call, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("name")
            writer.write("qdrant")
            writer.key("version")
            writer.write(ServerVersion.api)
            writer.key("trendex")
            writer.write(ServerVersion.trendex)
            writer.key("jwt_rbac")
            writer.write(false)
            writer.key("startup")
            writer.write(call.service.startDate.formatted(.iso8601))
            let usage = ProcessUsage.current()
            if let anonymous = usage.anonymousBytes, let mapped = usage.mappedBytes {
                writer.key("resident_bytes")
                writer.write(anonymous)
                writer.key("mapped_resident_bytes")
                writer.write(mapped)
            }
        }
    }

    private static func writeCollection(_ engine: Engine, _ name: String, _ level: Int, _ writer: inout JSONWriter) {
        guard let info = try? engine.collectionInfo(name, schema: false), let memory = try? engine.memory(name),
            let recall = try? engine.recall(name)
        else { return }
        writer.object { writer in
            writer.key("id")
            writer.write(name)
            if level > 1 {
                writer.key("config")
                writer.write(info.configuration)
            }
            writer.key("points")
            writer.write(info.pointsCount)
            writer.key("vectors")
            writer.write(info.vectorsCount)
            writer.key("indexed_vectors")
            writer.write(info.indexedVectorsCount)
            writer.key("memory")
            writer.write(memory)
            writer.key("recall")
            writer.write(recall)
        }
    }

    /// `{"rest": {"responses": {"GET /collections": {"200": {"count": …}}}}, "grpc": {"responses": {}}}`
    private static func writeRequests(_ entries: [RequestMetrics.Entry], _ writer: inout JSONWriter) {
        var byEndpoint: [(name: String, entries: [RequestMetrics.Entry])] = []
        for entry in entries {
            let name = "\(entry.method) \(entry.path)"
            if byEndpoint.last?.name != name { byEndpoint.append((name, [])) }
            byEndpoint[byEndpoint.count - 1].entries.append(entry)
        }
        writer.object { writer in
            writer.key("rest")
            writer.object { writer in
                writer.key("responses")
                writer.object { writer in
                    for (name, entries) in byEndpoint {
                        writer.key(name)
                        writer.object { writer in
                            for entry in entries {
                                writer.key("\(entry.status)")
                                write(entry.statistics, &writer)
                            }
                        }
                    }
                }
            }
            writer.key("grpc")
            writer.object { writer in
                writer.key("responses")
                writer.object { _ in }
            }
        }
    }

    private static func write(_ statistics: RequestMetrics.Statistics, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("count")
            writer.write(statistics.count)
            writer.key("avg_duration_micros")
            writer.write(statistics.total.seconds * 1e6 / Double(statistics.count))
            writer.key("min_duration_micros")
            writer.write(statistics.least.seconds * 1e6)
            writer.key("max_duration_micros")
            writer.write(statistics.most.seconds * 1e6)
            writer.key("total_duration_micros")
            writer.write(UInt64(statistics.total.seconds * 1e6))
        }
    }
}
