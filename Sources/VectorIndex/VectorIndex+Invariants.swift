extension VectorIndex {
    /// Checks what must hold whenever no work runs. Returns the share of linked live slots that the graph's level 0
    /// leads to from the entry points (1 without a graph). O(slots · m).
    ///
    /// - Throws: ``InvariantViolation``.
    @discardableResult
    package func checkInvariants() throws -> Double {
        let (graph, linked, encoded, published, next, inFlight, live) = state.withLock { state in
            (
                state.links.graph, state.links.linked, state.encodedCount, state.published, state.links.nextSlot,
                state.links.inFlight + (state.successor?.inFlight ?? []),
                (0..<min(state.links.linked, state.published)).map { state.alive.contains($0) }
            )
        }
        guard inFlight.isEmpty else { throw InvariantViolation("\(inFlight.count) slots are being linked") }
        guard linked == next || limitation != nil else { throw InvariantViolation("linked \(linked), next \(next)") }
        guard encoded <= published else { throw InvariantViolation("\(encoded) encoded of \(published)") }
        guard let graph else { return 1 }
        guard linked <= encoded else { throw InvariantViolation("\(linked) linked, \(encoded) encoded") }
        return try graph.checkInvariants(linked) { slot in live[Int(slot)] }
    }

    /// The same for an index that has been loaded but not published to: its graph alone.
    @discardableResult
    package func checkSavedInvariants() throws -> Double {
        let (graph, linked) = state.withLock { ($0.links.graph, $0.links.linked) }
        return try graph?.checkInvariants(linked) { _ in true } ?? 1
    }

    /// The links of a slot on level 0, in the order of their list.
    package func neighbours(of slot: UInt32) -> [UInt32] {
        guard let graph = state.withLock({ $0.links.graph }) else { return [] }
        let links = graph.links(level: 0)
        return [UInt32](unsafeUninitializedCapacity: links.degree) { out, count in
            if let base = out.baseAddress { count = links.copy(slot, to: base) }
        }
    }

    /// Mean number of links of a linked slot on level 0.
    package var meanDegree: Double {
        let linked = linkedCount
        return Double((0..<UInt32(linked)).reduce(0) { $0 + neighbours(of: $1).count }) / Double(max(linked, 1))
    }
}
