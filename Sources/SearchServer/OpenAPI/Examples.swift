import JSON
import TrendStore

/// The rows and ids that the description's examples are about. Each id stands for one row in all of them, so that a test can put
/// those of its own rows in their place.
enum Examples {
    static let trendID: JSONValue = "01969f2a-4a00-7c3e-9b1d-3f0a6c1e7b01"
    static let ideaID: JSONValue = "01969f2a-4a00-7c3e-9b1d-3f0a6c1e7b02"
    static let businessID: JSONValue = "01969f2a-4a00-7c3e-9b1d-3f0a6c1e7b03"
    static let jobID: JSONValue = "01969f2a-4a00-7c3e-9b1d-3f0a6c1e7b04"
    static let leaseID: JSONValue = "01969f2a-4a00-7c3e-9b1d-3f0a6c1e7b05"
    static let executionID: JSONValue = "01969f2a-4a00-7c3e-9b1d-3f0a6c1e7b06"
    static let scheduleName: JSONValue = "scan"
    static let requestID = "5f1c0c9f5a0f3d2b7c9e4a61-000000000000002a"

    static let trend: JSONValue = [
        "id": trendID, "title": "Balcony solar", "description": "Panels that tenants plug in",
        "url": "https://example.org/solar", "source": "reddit", "category": "energy", "tags": ["solar", "diy"],
        "engagement_score": 120.0, "velocity": 0.0, "stage": "new", "discovered_at": "2026-05-01T12:00:00Z",
        "metadata": [:], "embedding_status": "current",
    ]

    static let dynamics: JSONValue = [
        "observations": 3, "newest": 180.0, "peak": 180.0, "velocity_per_day": 30.0, "growth_per_day": 0.2,
    ]

    static let observation: JSONValue = [
        "observed_at": "2026-05-02T12:00:00Z", "engagement_score": 150.0, "url": nil, "source": "reddit",
    ]

    static let idea: JSONValue = [
        "id": ideaID, "trend_id": trendID, "title": "Panels by subscription", "description": nil, "market_size": 80,
        "competition": 35, "demand": 71, "monetization": 60, "feasibility": 55, "time_to_market": 40,
        "total_score": 56, "analysis": [:], "analyzed_at": "2026-05-01T13:00:00Z", "status": "pending",
        "embedding_status": "missing",
    ]

    static let business: JSONValue = [
        "id": businessID, "idea_id": ideaID, "name": "Sun rent", "domain": "sun.example.org", "status": "development",
        "revenue_monthly": 1250.5, "users_count": 42, "developed_at": nil, "launched_at": nil,
        "created_at": "2026-05-03T09:00:00Z", "metadata": [:],
    ]

    static let job: JSONValue = [
        "id": jobID, "type": "trend_scout", "params": ["source": "reddit"], "priority": "medium", "status": "running",
        "attempts": 1, "max_attempts": 3, "backoff_seconds": 10.0, "available_at": "2026-05-01T12:00:00Z",
        "leased_until": "2026-05-01T12:01:00Z", "worker": "scout-1", "progress": 0.5, "message": "page 2 of 4",
        "checkpoint": ["page": 2], "result": nil, "error": nil, "idempotency_key": nil, "schedule": nil,
        "created_at": "2026-05-01T12:00:00Z", "started_at": "2026-05-01T12:00:00.250000Z", "finished_at": nil,
    ]

    static let execution: JSONValue = [
        "id": executionID, "agent_type": "trend_scout", "job_id": nil, "input_data": ["source": "reddit"],
        "output_data": ["found": 3], "status": "completed", "error": nil, "started_at": "2026-05-01T12:00:00Z",
        "completed_at": "2026-05-01T12:00:02.500000Z", "duration_seconds": 2.5,
    ]

    static let schedule: JSONValue = [
        "name": scheduleName, "job_type": "trend_scout", "params": ["source": "vk"], "priority": "medium",
        "time": "0 */2 * * *", "enabled": true, "next_at": "2026-05-01T14:00:00Z", "last_at": nil, "job_id": nil,
    ]

    static let event: JSONValue = [
        "type": "trend.created", "sequence": 12, "at": "2026-05-01T12:00:00.250000Z", "subject": trendID,
        "data": [
            "id": trendID, "title": "Balcony solar", "source": "reddit", "category": "energy",
            "tags": ["solar", "diy"], "url": nil, "engagement_score": 120.0, "velocity": 0.0, "stage": "new",
        ],
    ]

    /// Of the right length, with some direction.
    static let embedding: JSONValue = .array(
        (0..<TrendStore.embeddingDimensions).map { .double(Double($0 * 37 % 201 - 100) / 100) })
}
