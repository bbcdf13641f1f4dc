/// The tables of format 3: what is made of ideas, who works on what, and what happened.
extension Schema {
    /// A business outlives the idea that it was made of.
    static let businesses = """
        CREATE TABLE businesses (
            id TEXT NOT NULL PRIMARY KEY CHECK (\(isUUID("id"))),
            idea_id TEXT REFERENCES ideas(id) ON DELETE SET NULL,
            name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
            domain TEXT CHECK (length(domain) BETWEEN 1 AND 253),
            status TEXT NOT NULL CHECK (status IN (\(list(BusinessStatus.allCases.map(\.rawValue))))),
            revenue_monthly INTEGER NOT NULL CHECK (revenue_monthly BETWEEN \(-Money.mostCents) AND \(Money.mostCents)),
            users_count INTEGER NOT NULL CHECK (users_count >= 0),
            developed_at INTEGER CHECK (\(isStorable("developed_at"))),
            launched_at INTEGER CHECK (\(isStorable("launched_at"))),
            created_at INTEGER NOT NULL CHECK (\(isStorable("created_at"))),
            metadata TEXT NOT NULL CHECK (\(isJSON("metadata", "object")))
        ) STRICT;
        CREATE INDEX businesses_created_at ON businesses (created_at, id);
        CREATE INDEX businesses_revenue_monthly ON businesses (revenue_monthly, id);
        CREATE INDEX businesses_status_created_at ON businesses (status, created_at, id);
        CREATE INDEX businesses_idea_id ON businesses (idea_id);
        """

    /// `available_at` is when a queued job may be claimed; `lease` names who holds a running one.
    static let jobs = """
        CREATE TABLE jobs (
            id TEXT NOT NULL PRIMARY KEY CHECK (\(isUUID("id"))),
            type TEXT NOT NULL CHECK (length(type) BETWEEN 1 AND 100),
            params TEXT NOT NULL CHECK (\(isJSON("params", "object"))),
            priority INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 2),
            status TEXT NOT NULL CHECK (status IN (\(list(JobStatus.allCases.map(\.rawValue))))),
            attempts INTEGER NOT NULL CHECK (attempts >= 0),
            max_attempts INTEGER NOT NULL CHECK (max_attempts >= 1),
            backoff_seconds REAL NOT NULL CHECK (backoff_seconds >= 0),
            available_at INTEGER NOT NULL,
            lease TEXT,
            leased_until INTEGER,
            worker TEXT,
            progress REAL NOT NULL CHECK (progress BETWEEN 0 AND 1),
            message TEXT,
            checkpoint TEXT CHECK (checkpoint IS NULL OR json_valid(checkpoint)),
            result TEXT CHECK (result IS NULL OR json_valid(result)),
            error TEXT,
            idempotency_key TEXT UNIQUE,
            schedule TEXT,
            created_at INTEGER NOT NULL,
            started_at INTEGER,
            finished_at INTEGER,
            CHECK ((status = 'running') = (leased_until IS NOT NULL))
        ) STRICT;
        CREATE INDEX jobs_queued ON jobs (type, priority, available_at, id) WHERE status = 'queued';
        CREATE INDEX jobs_leased_until ON jobs (leased_until) WHERE status = 'running';
        CREATE INDEX jobs_created_at ON jobs (created_at, id);
        CREATE INDEX jobs_status_created_at ON jobs (status, created_at, id);
        CREATE INDEX jobs_type_created_at ON jobs (type, created_at, id);
        CREATE INDEX jobs_finished_at ON jobs (finished_at) WHERE finished_at IS NOT NULL;
        """

    static let agentExecutions = """
        CREATE TABLE agent_executions (
            id TEXT NOT NULL PRIMARY KEY CHECK (\(isUUID("id"))),
            agent_type TEXT NOT NULL CHECK (length(agent_type) BETWEEN 1 AND 100),
            job_id TEXT REFERENCES jobs(id) ON DELETE SET NULL,
            input_data TEXT NOT NULL CHECK (\(isJSON("input_data", "object"))),
            output_data TEXT CHECK (output_data IS NULL OR json_valid(output_data)),
            status TEXT NOT NULL CHECK (status IN (\(list(ExecutionStatus.allCases.map(\.rawValue))))),
            error TEXT,
            started_at INTEGER NOT NULL CHECK (\(isStorable("started_at"))),
            completed_at INTEGER CHECK (\(isStorable("completed_at"))),
            duration_seconds REAL GENERATED ALWAYS AS ((completed_at - started_at) / 1000000.0) STORED,
            CHECK ((status = 'running') = (completed_at IS NULL))
        ) STRICT;
        CREATE INDEX agent_executions_started_at ON agent_executions (started_at, id);
        CREATE INDEX agent_executions_running ON agent_executions (agent_type) WHERE status = 'running';
        CREATE INDEX agent_executions_type_started_at ON agent_executions (agent_type, started_at, id);
        CREATE INDEX agent_executions_status_started_at ON agent_executions (status, started_at, id);
        CREATE INDEX agent_executions_job_id ON agent_executions (job_id);
        """

    /// `job_id` is the latest job that the schedule made.
    static let schedules = """
        CREATE TABLE schedules (
            name TEXT NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 100),
            job_type TEXT NOT NULL CHECK (length(job_type) BETWEEN 1 AND 100),
            params TEXT NOT NULL CHECK (\(isJSON("params", "object"))),
            priority INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 2),
            time TEXT NOT NULL,
            is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
            next_at INTEGER NOT NULL,
            last_at INTEGER,
            job_id TEXT REFERENCES jobs(id) ON DELETE SET NULL
        ) STRICT;
        CREATE INDEX schedules_next_at ON schedules (next_at) WHERE is_enabled = 1;
        CREATE INDEX schedules_job_id ON schedules (job_id);
        """

    /// What happened, in the order of the commits.
    static let events = """
        CREATE TABLE events (
            sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            type TEXT NOT NULL,
            subject TEXT NOT NULL CHECK (\(isUUID("subject"))),
            at INTEGER NOT NULL,
            data TEXT NOT NULL CHECK (\(isJSON("data", "object")))
        ) STRICT;
        """

    /// What tells that a trend was seen before (`TrendFingerprint`), and when it was seen last.
    static let fingerprints = """
        CREATE TABLE trend_fingerprints (
            fingerprint BLOB NOT NULL PRIMARY KEY CHECK (length(fingerprint) = 16),
            trend_id TEXT NOT NULL REFERENCES trends(id) ON DELETE CASCADE,
            seen_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX trend_fingerprints_trend_id ON trend_fingerprints (trend_id, seen_at);
        CREATE INDEX trend_fingerprints_seen_at ON trend_fingerprints (seen_at);
        """

    /// `model` is the identity of what made the collection's vectors, once the store knows.
    static let models = "ALTER TABLE trend_store_collections ADD COLUMN model TEXT;"

    /// What is counted within a period across restarts, such as the cost of a model's calls today.
    static let counters = """
        CREATE TABLE counters (
            name TEXT NOT NULL PRIMARY KEY,
            period INTEGER NOT NULL,
            value REAL NOT NULL
        ) STRICT, WITHOUT ROWID;
        """
}
