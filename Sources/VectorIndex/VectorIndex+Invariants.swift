extension VectorIndex {
    /// Checks what must hold whenever no work runs. Returns the share of linked live slots that the graph's level 0
    /// leads to from the entry point (1 without a graph). O(slots · m).
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

    /// Mean number of links of a linked slot on level 0.
    package var meanDegree: Double {
        let (graph, linked) = state.withLock { ($0.links.graph, $0.links.linked) }
        guard let graph, linked > 0 else { return 0 }
        let links = graph.links(level: 0)
        let room = UnsafeMutablePointer<UInt32>.allocate(capacity: links.degree)
        defer { room.deallocate() }
        return Double((0..<UInt32(linked)).reduce(0) { $0 + links.copy($1, to: room) }) / Double(linked)
    }
}
