import JSON
import Services
import TrendStore

/// What the description says of ``Endpoints/jobs`` and ``Endpoints/agents``.
extension RouteDescription {
    private static let jobID = Parameter.id(of: Examples.jobID)
    private static let executionID = Parameter.id(of: Examples.executionID)

    private static func answeredJob(_ about: String, _ status: Int = 200) -> Answer {
        .data(status, about, .reference("Job"), Examples.job)
    }

    private static func type(_ name: String) -> Parameter {
        .query(name, .filtered, "Only those of this type.", example: "trend_scout")
    }

    /// Of what queues a job and tells its id.
    static let queued: [Answer] = [
        .data(202, "Queued", .reference("QueuedJob"), ["job_id": Examples.jobID, "status": "queued"]),
        .data(
            200, "Queued before, by the same key", .reference("QueuedJob"),
            ["job_id": Examples.jobID, "status": "running"]),
    ]

    static let jobs: [RouteDescription] = [
        .init(
            method: .GET, path: "/jobs", name: "listJobs", summary: "List jobs, newest first",
            parameters: [
                .status(JobStatus.self, example: .running), type("type"), .order,
                .limit(JobOperations.Listing(JobFilter(), by: .createdAt).limit), .skip,
                .after("created_at.desc.i1777636800000000.01969f2a-4a00-7c3e-9b1d-3f0a6c1e7b04"),
            ], answers: [.page(of: "Job", Examples.job)]),
        .init(
            method: .POST, path: "/jobs", name: "queueJob", summary: "Queue a job", parameters: [.idempotencyKey],
            body: Body(
                schema: "NewJob",
                examples: [
                    "short": ["type": "trend_scout"],
                    "full": [
                        "type": "trend_scout", "params": ["source": "reddit"], "priority": "high", "max_attempts": 5,
                        "backoff_seconds": 30, "available_at": "2026-05-01T12:00:00Z", "idempotency_key": nil,
                    ],
                ]),
            answers: [answeredJob("Queued", 201), answeredJob("Queued before, by the same key")], errors: [409]),
        .init(
            method: .POST, path: "/jobs/claim", name: "claimJob", summary: "Take the next job of some types",
            details:
                "By priority, and then by age. The worker holds it until its lease runs out; each report extends that.",
            body: Body(
                schema: "Claim",
                examples: ["scout": ["types": ["trend_scout"], "worker": "scout-1", "lease_seconds": 60]]),
            answers: [
                .data(
                    200, "The job; null where none waits", Schema.reference("ClaimedJob").orNull,
                    ["lease": Examples.leaseID, "execution_id": Examples.executionID, "job": Examples.job])
            ]),
        .init(
            method: .GET, path: "/jobs/{id}", name: "getJob", summary: "A job", parameters: [jobID],
            answers: [answeredJob("The job")]),
        .init(
            method: .POST, path: "/jobs/{id}/progress", name: "reportJob",
            summary: "Report on a job, and extend its lease",
            parameters: [jobID],
            body: Body(
                schema: "JobProgress",
                examples: [
                    "alive": ["lease": Examples.leaseID],
                    "halfway": [
                        "lease": Examples.leaseID, "progress": 0.5, "message": "page 2 of 4", "checkpoint": ["page": 2],
                        "lease_seconds": 120,
                    ],
                ]),
            answers: [answeredJob("The job as it is then")], errors: [409]),
        .init(
            method: .POST, path: "/jobs/{id}/complete", name: "completeJob", summary: "End a job with its result",
            details: "Saying so again with the same lease changes nothing.", parameters: [jobID],
            body: Body(
                schema: "JobCompletion",
                examples: ["found": ["lease": Examples.leaseID, "result": ["found": 3]]]),
            answers: [answeredJob("The job as it is then")], errors: [409]),
        .init(
            method: .POST, path: "/jobs/{id}/fail", name: "failJob", summary: "End an attempt that failed",
            details:
                "The job is queued again behind its backoff, unless it was tried `max_attempts` times or `final` says otherwise.",
            parameters: [jobID],
            body: Body(
                schema: "JobFailure",
                examples: ["retry": ["lease": Examples.leaseID, "error": "The source answered 503", "final": false]]),
            answers: [answeredJob("The job as it is then")], errors: [409]),
        .init(
            method: .DELETE, path: "/jobs/{id}", name: "cancelJob", summary: "Cancel a job", parameters: [jobID],
            answers: [answeredJob("The job as it is then")], errors: [409]),
    ]

    private static let scheduleName = Parameter(
        name: "name", place: .path, schema: .keyword, about: "The schedule's name.", isRequired: true,
        example: Examples.scheduleName)

    static let schedules: [RouteDescription] = [
        .init(
            method: .GET, path: "/schedules", name: "listSchedules", summary: "All schedules, by name",
            answers: [
                .data(
                    200, "Schedules",
                    .array(of: .reference("Schedule"), most: TrendTransaction.mostSchedules), [Examples.schedule])
            ]),
        .init(
            method: .GET, path: "/schedules/{name}", name: "getSchedule", summary: "A schedule",
            parameters: [scheduleName],
            answers: [.data(200, "The schedule", .reference("Schedule"), Examples.schedule)]),
        .init(
            method: .PUT, path: "/schedules/{name}", name: "setSchedule", summary: "Make a schedule, or change it",
            parameters: [scheduleName],
            body: Body(
                schema: "NewSchedule",
                examples: [
                    "every two hours": ["job_type": "trend_scout", "time": "0 */2 * * *", "params": ["source": "vk"]],
                    "paused": [
                        "job_type": "trend_scout", "time": "@every 90m", "priority": "low", "enabled": false,
                    ],
                ]),
            answers: [.data(200, "The schedule", .reference("Schedule"), Examples.schedule)], errors: [409]),
        .init(
            method: .DELETE, path: "/schedules/{name}", name: "deleteSchedule",
            summary: "Delete a schedule, not its jobs", parameters: [scheduleName],
            answers: [.data(200, "Deleted", .answer(["name": .string]), ["name": Examples.scheduleName])]),
    ]

    static let agents: [RouteDescription] = [
        .init(
            method: .GET, path: "/agents/status", name: "agentStatus", summary: "How agents of each type are doing",
            answers: [
                .data(
                    200, "By type", .map(to: .reference("AgentState")),
                    [
                        "trend_scout": [
                            "status": "running", "last_run": "2026-05-01T12:00:00Z", "last_status": "running",
                            "queued_jobs": 0,
                        ]
                    ])
            ]),
        .init(
            method: .POST, path: "/agents/run", name: "runAgent", summary: "Queue a job for an agent",
            parameters: [.idempotencyKey],
            body: Body(
                schema: "AgentRun",
                examples: ["scout": ["agent_type": "trend_scout", "params": ["source": "reddit"]]]),
            answers: queued, errors: [409]),
        .init(
            method: .GET, path: "/agents/executions", name: "listExecutions",
            summary: "List runs of agents, newest first",
            parameters: [
                .status(ExecutionStatus.self, example: .completed), type("agent_type"),
                .query("job", .id, "Only attempts of this job.", example: Examples.jobID), .order,
                .limit(AgentOperations.Listing(ExecutionFilter(), by: .startedAt).limit), .skip,
                .after("started_at.desc.i1777636800000000.01969f2a-4a00-7c3e-9b1d-3f0a6c1e7b06"),
            ], answers: [.page(of: "Execution", Examples.execution)]),
        .init(
            method: .POST, path: "/agents/executions", name: "createExecution",
            summary: "Note a run of an agent that took no job",
            body: Body(
                schema: "NewExecution",
                examples: [
                    "begun": ["agent_type": "trend_scout"],
                    "over": [
                        "agent_type": "trend_scout", "input_data": ["source": "reddit"], "output_data": ["found": 3],
                        "status": "completed", "started_at": "2026-05-01T12:00:00Z",
                        "completed_at": "2026-05-01T12:00:02.5Z",
                    ],
                ]),
            answers: [.data(201, "Noted", .reference("Execution"), Examples.execution)], errors: [409]),
        .init(
            method: .GET, path: "/agents/executions/{id}", name: "getExecution", summary: "A run of an agent",
            parameters: [executionID],
            answers: [.data(200, "The run", .reference("Execution"), Examples.execution)]),
        .init(
            method: .PATCH, path: "/agents/executions/{id}", name: "changeExecution",
            summary: "Change or end a run of an agent",
            details: "One that has ended stays so; that of a job ends with its job alone.",
            parameters: [executionID],
            body: Body(
                schema: "ExecutionChange",
                examples: [
                    "completed": ["status": "completed", "output_data": ["found": 3]],
                    "failed": ["status": "failed", "error": "The source answered 503"],
                ]),
            answers: [.data(200, "The run as it is then", .reference("Execution"), Examples.execution)], errors: [409]),
    ]
}
