import Foundation

extension TrendTransaction {
    /// Notes a run of an agent that took no job. Throws `.invalid` naming the field, `.conflict` when the id is taken.
    @discardableResult
    public func createExecution(_ execution: AgentExecution) throws -> AgentExecution {
        let execution = try execution.validated()
        let db = try database()
        try requireFree(execution)
        try change(of: .work) {
            try execution.insert(db)
            try note(.agentStatusUpdate, execution.id, execution.writeEvent)
            if execution.status != .running { endedExecutions.append(execution) }
        }
        return execution
    }

    /// Changes a run. One that is running may end; one that has ended stays so. That of a job ends with the job alone.
    ///
    /// Throws `.notFound`, `.invalid` naming the field, `.conflict` for an end that may not be, and what `change` throws.
    @discardableResult
    public func updateExecution(
        _ id: UUID, at now: Timestamp = .now, _ change: (inout AgentExecution) throws -> Void
    ) throws -> AgentExecution {
        let db = try database()
        guard let old = try AgentExecution.fetch(id, db) else {
            throw TrendStoreError.notFound(table: AgentExecution.table, id: id)
        }
        var execution = old
        try change(&execution)
        if execution.status != old.status {
            guard old.status == .running else {
                throw TrendStoreError.conflict("The execution \(id.text) has \(old.status.rawValue) already")
            }
            if let job = old.jobID {
                throw TrendStoreError.conflict(
                    "The execution \(id.text) ends with its job \(job.text): complete or fail that")
            }
            execution.completedAt = execution.completedAt ?? max(now, execution.startedAt)
        }
        execution = try execution.validated()
        guard execution != old else { return execution }
        try self.change(of: .work) {
            try execution.update(db)
            try note(.agentStatusUpdate, id, execution.writeEvent)
            if execution.status != old.status { endedExecutions.append(execution) }
        }
        return execution
    }
}
