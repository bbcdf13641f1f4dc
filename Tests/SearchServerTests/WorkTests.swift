import Foundation
import JSON
import NIOHTTP1
import Testing

/// Businesses, jobs, schedules and agents of the trend API over a live socket.
@Suite struct WorkTests {
    private static let unknown = "00000000-0000-4000-8000-000000000000"

    private func fields(_ error: JSONValue) -> [String] {
        (error["details"]?.arrayValue ?? []).compactMap { $0["field"]?.stringValue }
    }

    @Test func lifeOfABusiness() async throws {
        try await withServer { server in
            let path = "/api/v1/businesses"
            let created = try await server.data(
                201, .POST, path,
                #"{"name": "Vans", "domain": "vans.example.org", "revenue_monthly": 1250.5, "created_at": "2026-05-01T12:00:00Z"}"#
            )
            let id = try #require(created["id"]?.stringValue)
            #expect(
                created == [
                    "id": .string(id), "idea_id": .null, "name": "Vans", "domain": "vans.example.org",
                    "status": "development", "revenue_monthly": 1250.5, "users_count": 0, "developed_at": .null,
                    "launched_at": .null, "created_at": "2026-05-01T12:00:00Z", "metadata": [:],
                ])
            let answer = try await server.send(.GET, "\(path)/\(id)", nil)
            #expect(answer.text.contains(#""revenue_monthly":1250.50,"#))
            let changed = try await server.data(
                200, .PATCH, "\(path)/\(id)",
                #"{"status": "active", "revenue_monthly": "9999999999.99", "domain": null, "launched_at": "2026-06-01T00:00:00Z"}"#
            )
            #expect(changed["revenue_monthly"] == 9_999_999_999.99 && changed["domain"] == .null)
            #expect(changed["launched_at"] == "2026-06-01T00:00:00Z")
            for query in ["", "?status=active", "?order_by=revenue_monthly&order=asc"] {
                let list = try await server.data(200, .GET, path + query)
                #expect(list["items"] == [changed] && list["total"] == 1 && list["has_more"] == false)
            }
            for query in ["?status=paused", "?idea=\(Self.unknown)", "?skip=1"] {
                #expect(try await server.data(200, .GET, path + query)["items"] == [])
            }
            #expect(try await server.data(200, .DELETE, "\(path)/\(id)") == ["id": .string(id)])
            try await server.refused(404, .GET, "\(path)/\(id)")
            try await server.refused(404, .DELETE, "\(path)/\(id)")
            try await server.refused(404, .PATCH, "\(path)/\(id)", "{}")
        }
    }

    /// Every wrong member is named.
    @Test(arguments: [
        (HTTPMethod.POST, "businesses", #"{}"#, ["name"]),
        (
            .POST, "businesses",
            #"{"name": "", "domain": "x y", "status": "sold", "revenue_monthly": 1.005, "users_count": -1, "metadata": [], "zz": 1}"#,
            ["status", "revenue_monthly", "metadata", "zz", "name", "domain", "users_count"]
        ),
        (
            .POST, "businesses", #"{"name": "B", "revenue_monthly": 1e3, "idea_id": "x"}"#,
            ["revenue_monthly", "idea_id"]
        ),
        (.POST, "jobs", #"{}"#, ["type"]),
        (
            .POST, "jobs",
            #"{"type": "", "params": [], "priority": "urgent", "max_attempts": 0, "backoff_seconds": -1, "available_at": "soon"}"#,
            ["params", "priority", "available_at", "type", "max_attempts", "backoff_seconds"]
        ),
        (.POST, "jobs/claim", #"{}"#, ["types", "worker"]),
        (
            .POST, "jobs/claim", #"{"types": [], "worker": "", "lease_seconds": 0.5}"#,
            ["types", "worker", "lease_seconds"]
        ),
        (
            .POST, "jobs/claim", #"{"types": ["a", 1], "worker": "w", "lease_seconds": 3601}"#,
            ["types[1]", "lease_seconds"]
        ),
        (
            .POST, "jobs/\(unknown)/progress", #"{"progress": 2, "checkpoint": 1, "x": 1}"#,
            ["checkpoint", "x", "lease", "progress"]
        ),
        (.POST, "jobs/\(unknown)/complete", #"{"result": "done"}"#, ["result", "lease"]),
        (.POST, "jobs/\(unknown)/fail", #"{"final": 1}"#, ["final", "lease", "error"]),
        (.POST, "agents/run", #"{"type": "scout"}"#, ["type", "agent_type"]),
        (.POST, "agents/run", #"{"agent_type": ""}"#, ["agent_type"]),
        (
            .POST, "agents/executions", #"{"status": "done", "duration_seconds": 1}"#,
            ["status", "duration_seconds", "agent_type"]
        ),
        (
            .PATCH, "agents/executions/\(unknown)", #"{"agent_type": "a", "output_data": []}"#,
            ["agent_type", "output_data"]
        ),
        (.POST, "ideas/analyze", #"{}"#, ["trend_ids"]),
        (.POST, "ideas/analyze", #"{"trend_ids": []}"#, ["trend_ids"]),
        (.POST, "ideas/analyze", #"{"trend_ids": ["x", 1]}"#, ["trend_ids[1]", "trend_ids[0]"]),
        (.PUT, "schedules/s", #"{"time": "soon", "enabled": "no"}"#, ["enabled", "job_type", "time"]),
        (.GET, "jobs?status=done&limit=0&zz=1", "", ["status", "limit", "zz"]),
        (.GET, "businesses?order_by=name", "", ["order_by"]),
        (.GET, "agents/executions?job=x", "", ["job"]),
        (.GET, "agents/status?x=1", "", ["x"]),
    ])
    func wrongRequests(_ method: HTTPMethod, _ path: String, _ body: String, _ expected: [String]) async throws {
        try await withServer { server in
            let error = try await server.refused(422, method, "/api/v1/" + path, method == .GET ? nil : body)
            #expect(error["code"] == "VALIDATION_ERROR")
            #expect(Set(fields(error)) == Set(expected), "\(error)")
        }
    }

    @Test func aWorkersDay() async throws {
        try await withServer { server in
            let asked = try await server.data(
                202, .POST, "/api/v1/agents/run",
                #"{"agent_type": "trend_scout", "params": {"source": "vk"}, "priority": "high", "idempotency_key": "k"}"#
            )
            let id = try #require(asked["job_id"]?.stringValue)
            #expect(asked["status"] == "queued")
            #expect(
                try await server.data(
                    200, .POST, "/api/v1/agents/run",
                    #"{"agent_type": "trend_scout", "params": {"source": "vk"}, "idempotency_key": "k"}"#)["job_id"]
                    == .string(id))
            #expect(
                try await server.refused(
                    409, .POST, "/api/v1/agents/run", #"{"agent_type": "trend_scout", "idempotency_key": "k"}"#)["code"]
                    == "CONFLICT")
            let nobody = #"{"types": ["writer"], "worker": "w"}"#
            #expect(try await server.data(200, .POST, "/api/v1/jobs/claim", nobody) == .null)
            let claimed = try await server.data(
                200, .POST, "/api/v1/jobs/claim",
                #"{"types": ["writer", "trend_scout"], "worker": "w1", "lease_seconds": 30}"#)
            let lease = try #require(claimed["lease"]?.stringValue)
            let execution = try #require(claimed["execution_id"]?.stringValue)
            #expect(claimed["job"]?["id"] == .string(id) && claimed["job"]?["params"] == ["source": "vk"])
            #expect(claimed["job"]?["lease"] == nil, "a lease is told to its holder alone")
            #expect(try await server.data(200, .GET, "/api/v1/agents/status")["trend_scout"]?["status"] == "running")
            let path = "/api/v1/jobs/\(id)"
            let reported = try await server.data(
                200, .POST, path + "/progress",
                #"{"lease": "\#(lease)", "progress": 0.25, "message": "read 10", "checkpoint": {"page": 2}}"#)
            #expect(reported["progress"] == 0.25 && reported["checkpoint"] == ["page": 2])
            #expect(
                try await server.refused(409, .POST, path + "/progress", #"{"lease": "\#(Self.unknown)"}"#)["code"]
                    == "CONFLICT")
            try await server.refused(404, .POST, "/api/v1/jobs/\(Self.unknown)/complete", #"{"lease": "\#(lease)"}"#)
            let done = try await server.data(
                200, .POST, path + "/complete", #"{"lease": "\#(lease)", "result": {"found": 3}}"#)
            #expect(done["status"] == "completed" && done["result"] == ["found": 3])
            #expect(try await server.data(200, .GET, path) == done)
            try await server.refused(409, .DELETE, path)
            let run = try await server.data(200, .GET, "/api/v1/agents/executions/\(execution)")
            #expect(run["status"] == "completed" && run["output_data"] == ["found": 3] && run["job_id"] == .string(id))
            #expect((run["duration_seconds"]?.doubleValue ?? -1) >= 0)
            for query in ["", "?agent_type=trend_scout", "?status=completed", "?job=\(id)"] {
                #expect(try await server.data(200, .GET, "/api/v1/agents/executions" + query)["items"] == [run])
            }
            #expect(try await server.data(200, .GET, "/api/v1/jobs?type=trend_scout&status=completed")["total"] == 1)
            let state = try await server.data(200, .GET, "/api/v1/agents/status")["trend_scout"]
            #expect(state?["status"] == "idle" && state?["last_run"] == run["started_at"] && state?["queued_jobs"] == 0)
        }
    }

    @Test func failuresAndCancellation() async throws {
        try await withServer { server in
            func queue() async throws -> String {
                let job = try await server.data(
                    201, .POST, "/api/v1/jobs", #"{"type": "a", "max_attempts": 2, "backoff_seconds": 0}"#)
                return try #require(job["id"]?.stringValue)
            }
            let id = try await queue()
            for status in ["queued", "failed"] {
                let lease = try #require(
                    try await server.data(200, .POST, "/api/v1/jobs/claim", #"{"types": ["a"], "worker": "w"}"#)[
                        "lease"]?.stringValue)
                let job = try await server.data(
                    200, .POST, "/api/v1/jobs/\(id)/fail", #"{"lease": "\#(lease)", "error": "no luck"}"#)
                #expect(job["status"] == .string(status) && job["error"] == "no luck")
            }
            let other = try await queue()
            #expect(try await server.data(200, .DELETE, "/api/v1/jobs/\(other)")["status"] == "cancelled")
            #expect(
                try await server.data(200, .POST, "/api/v1/jobs/claim", #"{"types": ["a"], "worker": "w"}"#) == .null)
        }
    }

    @Test func schedules() async throws {
        try await withServer { server in
            let path = "/api/v1/schedules/hourly%20scan"
            let made = try await server.data(
                200, .PUT, path,
                #"{"job_type": "trend_scout", "time": "@hourly", "params": {"n": 1}, "priority": "low"}"#)
            #expect(made["name"] == "hourly scan" && made["time"] == "@hourly" && made["enabled"] == true)
            #expect(made["next_at"]?.stringValue?.hasSuffix(":00:00Z") == true && made["last_at"] == .null)
            #expect(try await server.data(200, .GET, path) == made)
            #expect(try await server.data(200, .GET, "/api/v1/schedules") == [made])
            #expect(try await server.data(200, .DELETE, path) == ["name": "hourly scan"])
            #expect(try await server.refused(404, .DELETE, path)["code"] == "NOT_FOUND")
            try await server.refused(404, .GET, path)
        }
    }

    /// A schedule that is due makes a job by itself.
    @Test func aDueScheduleRuns() async throws {
        try await withServer { server in
            _ = try await server.data(
                200, .PUT, "/api/v1/schedules/s", #"{"job_type": "a", "time": "@every 1m"}"#)
            try server.engine.write {
                try $0.database.execute(sql: "UPDATE schedules SET next_at = 0")
            }
            while try await server.data(200, .GET, "/api/v1/jobs?type=a")["total"] != 1 {
                try await Task.sleep(for: .milliseconds(50))
            }
            let schedule = try await server.data(200, .GET, "/api/v1/schedules/s")
            #expect(schedule["job_id"]?.stringValue != nil && schedule["last_at"]?.stringValue != nil)
        }
    }

    @Test func executionsOfTheirOwn() async throws {
        try await withServer { server in
            let path = "/api/v1/agents/executions"
            let run = try await server.data(201, .POST, path, #"{"agent_type": "writer", "input_data": {"idea": 1}}"#)
            let id = try #require(run["id"]?.stringValue)
            #expect(run["status"] == "running" && run["duration_seconds"] == .null)
            let ended = try await server.data(200, .PATCH, "\(path)/\(id)", #"{"status": "failed", "error": "quota"}"#)
            #expect(
                ended["status"] == "failed" && ended["error"] == "quota" && ended["completed_at"]?.stringValue != nil)
            try await server.refused(409, .PATCH, "\(path)/\(id)", #"{"status": "completed"}"#)
            try await server.refused(404, .PATCH, "\(path)/\(Self.unknown)", #"{}"#)
            let past = try await server.data(
                201, .POST, path,
                #"{"agent_type": "writer", "status": "completed", "started_at": "2026-05-01T12:00:00Z", "completed_at": "2026-05-01T12:00:01.5Z"}"#
            )
            #expect(past["duration_seconds"] == 1.5)
        }
    }

    @Test func analysesAreQueued() async throws {
        try await withServer { server in
            let trend = try await server.create(#"{"title": "T", "source": "vk"}"#)
            let asked = try await server.data(202, .POST, "/api/v1/ideas/analyze", #"{"trend_ids": ["\#(trend)"]}"#)
            let job = try await server.data(200, .GET, "/api/v1/jobs/\(asked["job_id"]?.stringValue ?? "")")
            #expect(job["type"] == "analyze_trends" && job["params"] == ["trend_ids": [.string(trend)]])
            #expect(
                try await server.refused(404, .POST, "/api/v1/ideas/analyze", #"{"trend_ids": ["\#(Self.unknown)"]}"#)[
                    "code"]
                    == "NOT_FOUND")
        }
    }

    /// A trend that was seen is answered with 200 and the known one's id.
    @Test func repeatedTrends() async throws {
        try await withServer { server in
            let path = "/api/v1/trends"
            let id = try await server.create(#"{"title": "Heat pumps", "source": "vk", "engagement_score": 1}"#)
            let again = try await server.send(
                .POST, path, #"{"title": "HEAT  pumps!", "source": "reddit", "engagement_score": 9}"#)
            #expect(again.status == 200 && again.json["meta"]?["known"] == true)
            #expect(again.json["data"]?["id"] == .string(id) && again.json["data"]?["engagement_score"] == 9.0)
            let forced = try await server.send(
                .POST, path, #"{"title": "Heat pumps", "source": "vk", "deduplicate": false}"#)
            #expect(forced.status == 201 && forced.json["data"]?["id"] != .string(id))
            let batch = try await server.send(
                .POST, path + "/batch",
                #"{"trends": [{"title": "heat pumps", "source": "vk"}, {"title": "New", "source": "vk"}, {"title": "new", "source": "vk"}, {}]}"#
            )
            #expect(batch.status == 201, "\(batch.text)")
            let data = batch.json["data"]
            #expect(data?["known"]?.arrayValue?.compactMap { $0["index"] } == [0, 2])
            #expect(data?["created"]?.arrayValue?.compactMap { $0["index"] } == [1])
            #expect(data?["errors"]?.arrayValue?.compactMap { $0["index"] } == [3])
            #expect(
                try await server.send(.POST, path + "/batch", #"{"trends": [{"title": "New", "source": "vk"}]}"#).status
                    == 200)
            let axis = "[1" + String(repeating: ",0", count: 767) + "]"
            let near = "[1,0.1" + String(repeating: ",0", count: 766) + "]"
            let first = try await server.create(#"{"title": "One", "source": "vk", "embedding": \#(axis)}"#)
            let second = try await server.send(.POST, path, #"{"title": "Two", "source": "vk", "embedding": \#(near)}"#)
            #expect(second.status == 200 && second.json["data"]?["id"] == .string(first))
        }
    }
}
