import Synchronization
import VectorIndex

/// What goes on in the background: linking, an index built anew, saving.
extension DenseField {
    /// Links since the last save after which an idle field is saved again: this share, and at least that many.
    private static let saveShare = 0.25
    private static let saveMinimum = 2_000

    // MARK: Changed settings

    package func needsRebuild(_ settings: CollectionConfiguration) -> Bool {
        index.parameters != wanted(settings) || successor.withLock { $0 != nil }
    }

    private func wanted(_ settings: CollectionConfiguration) -> IndexParameters {
        settings.parameters(of: self).indexParameters(in: settings)
    }

    package func follow(_ settings: CollectionConfiguration, slotCount: Int, absent: () -> [UInt32]) -> FieldChange {
        var wanted = wanted(settings)
        return successor.withLock { successor in
            if index.parameters == wanted {
                successor = nil
                return .none
            }
            if let built = successor, built.parameters == wanted {
                guard built.isAsFar(as: index) else { return .none }
                successor = nil
                return .replaced(DenseField(self, with: built))
            }
            wanted.limits = index.parameters.limits
            let begun = VectorIndex(wanted)
            begun.publish(rows: file.matrix, count: slotCount, absent: absent())
            successor = begun
            return .begun
        }
    }

    // MARK: Linking

    package func work(limit: Int, pause: () -> Void) -> Int {
        indexes.reduce(0) { $0 + $1.work(limit: limit, pause: pause) }
    }

    package var pendingCount: Int { indexes.reduce(0) { $0 + $1.pendingCount } }

    package func takeLimitation() -> String? {
        guard let limitation = index.limitation, !hasToldLimit.exchange(true, ordering: .relaxed) else { return nil }
        return "\(limitation)"
    }

    // MARK: Saving

    /// Slots linked since the index was saved or loaded.
    private var growth: Int { index.linkedCount - savedCount.load(ordering: .relaxed) }

    /// Whether slots were mended since the index was saved or loaded.
    private var hasMended: Bool { index.reachability.mended != savedMends.load(ordering: .relaxed) }

    /// Whether codes or graph were made anew since then.
    private var isRevised: Bool { index.revision != savedRevision.load(ordering: .relaxed) }

    package var isWorthSaving: Bool {
        // A file tells whether its graph was looked through, and the last piece of that may be under way on another thread, which
        // has the field looked at again.
        guard index.uncheckedCount == 0 else { return false }
        let share = Int(Double(index.linkedCount) * Self.saveShare)
        return growth >= max(Self.saveMinimum, share) || hasMended || isRevised
    }

    package func saveDerived() throws {
        guard growth > 0 || hasMended || isRevised else { return }
        let linked = index.linkedCount
        let mended = index.reachability.mended
        let revision = index.revision
        // What can be derived again takes none of the space that deletions may need.
        let memory = index.memory
        try site.fileSystem.requireFree(
            memory.codes + memory.reducedCodes + memory.links + DiskReserve.mostBytes, at: site.indexFile)
        try IndexFile(path: site.indexFile, fileSystem: site.fileSystem).save(index)
        savedCount.store(linked, ordering: .relaxed)
        savedMends.store(mended, ordering: .relaxed)
        savedRevision.store(revision, ordering: .relaxed)
    }
}

extension VectorIndex {
    /// Whether searches find here what they find in another index over the same rows. While points keep coming, neither is ever
    /// complete.
    fileprivate func isAsFar(as other: VectorIndex) -> Bool {
        if other.pendingCount > 0 { return linkedCount >= other.linkedCount && pendingCount <= other.pendingCount }
        return pendingCount == 0 && uncheckedCount == 0
    }
}
