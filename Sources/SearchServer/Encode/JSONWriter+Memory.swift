import JSON
import SearchEngine

/// A collection's memory as `GET /collections/{c}/memory` shows it: component by component, each with the four figures
/// that Qdrant tells at this path.
extension JSONWriter {
    private struct Component {
        /// Bytes of files.
        var disk = 0
        /// Bytes of anonymous memory.
        var ram = 0
        /// Bytes of files that are in memory.
        var cached = 0
        /// Bytes of files that searches want in memory.
        var expectedCache = 0
    }

    mutating func write(_ memory: CollectionMemory) {
        let files = memory.vectors.reduce(0) { $0 + $1.file + $1.savedIndex }
        beginObject()
        key("total")
        write(
            Component(
                disk: files, ram: memory.resident, cached: memory.cached,
                expectedCache: memory.vectors.reduce(0) { $0 + $1.rows }))
        key("vectors")
        object { writer in
            for vector in memory.vectors {
                writer.key(vector.name)
                writer.write(vector)
            }
        }
        key("payload_index")
        object { writer in
            for key in memory.payloadIndexes.keys.sorted() {
                writer.key(key)
                writer.write(Component(ram: memory.payloadIndexes[key] ?? 0))
            }
        }
        key("id_tracker")
        write(Component(ram: memory.ids))
        endObject()
    }

    private mutating func write(_ vector: CollectionMemory.Vector) {
        object { writer in
            writer.key("storage")
            writer.write(Component(disk: vector.file, cached: vector.cached, expectedCache: vector.rows))
            // The derived file holds the codes as well.
            writer.key("index")
            writer.write(Component(disk: vector.savedIndex, ram: vector.links))
            writer.key("quantization")
            writer.write(Component(ram: vector.codes))
            writer.key("reduced_codes")
            writer.write(Component(ram: vector.reducedCodes))
        }
    }

    private mutating func write(_ component: Component) {
        object { writer in
            writer.key("disk_bytes")
            writer.write(component.disk)
            writer.key("ram_bytes")
            writer.write(component.ram)
            writer.key("cached_bytes")
            writer.write(component.cached)
            writer.key("expected_cache_bytes")
            writer.write(component.expectedCache)
        }
    }
}
