import VectorIndex

extension DenseKind {
    package func openStored(_ site: FieldSite) throws -> any StoredField {
        StoredDenseField(
            file: try site.fileSystem.open(site.rowFile(type: site.parameters.element.fileType), create: false),
            rowBytes: site.parameters.rowBytes)
    }

    package func checkDerived(
        _ site: FieldSite, _ settings: CollectionConfiguration, slotCount: Int, absent: [UInt32],
        report: (String) -> Void
    ) {
        let path = site.indexFile
        guard site.fileSystem.exists(path) else {
            if slotCount - absent.count >= VectorIndex.smallestTrainedCount {
                report("there is no \(path); the next start builds it")
            }
            return
        }
        do {
            let index = try IndexFile(path: path, fileSystem: site.fileSystem).load(
                parameters: site.parameters.indexParameters(in: settings), rowCount: slotCount)
            try look(index, site, slotCount, absent, report)
        } catch {
            report("\(path) can't be used, and is rebuilt by the next start: \(error)")
        }
    }

    /// Whether searches find the linked points by their own vectors.
    private func look(
        _ index: VectorIndex, _ site: FieldSite, _ slotCount: Int, _ absent: [UInt32], _ report: (String) -> Void
    ) throws {
        // Nothing can be mapped where there is nothing.
        guard slotCount > 0 else { return }
        let rowBytes = site.parameters.rowBytes
        let file = try site.fileSystem.open(site.rowFile(type: site.parameters.element.fileType), create: false)
        let mapping = try file.map(size: slotCount * rowBytes)
        index.publish(
            rows: RowMatrix(base: mapping.base, rowBytes: rowBytes, owner: mapping), count: slotCount, absent: absent)
        let (looked, missed) = index.unreachedSlots()
        report(
            "\(site.indexFile): \(looked - missed) of \(looked) linked points are found by their own vectors"
                + (missed > 0 ? "; the next start looks for the others, and mends them" : ""))
    }
}

private struct StoredDenseField: StoredField {
    let file: any File
    let rowBytes: Int

    func requireRows(_ count: Int) throws {
        guard try file.size() >= count * rowBytes else {
            throw EngineError.storage("\(file.path) is shorter than its \(count) committed rows")
        }
    }

    func grow(to count: Int) throws {
        if try file.size() < count * rowBytes { try file.allocate(size: count * rowBytes) }
    }

    func row(_ slot: UInt32) throws -> [UInt8]? {
        var row = [UInt8](repeating: 0, count: rowBytes)
        let count = try row.withUnsafeMutableBytes { try file.read(into: $0, at: Int(slot) * rowBytes) }
        return count == rowBytes ? row : nil
    }
}
