#!/usr/bin/env python3
"""Drives every route of a running server's trend API over HTTP alone, and says what didn't answer as it should.

usage: try_trend_api.py [--url http://localhost:6333] [--api-key KEY]

It makes rows of its own, whose titles begin with "try", and deletes them at the end. It needs nothing but Python. The exit code is 1 if
anything was wrong, and if the server describes a route (`/api/v1/openapi.json`) that the script doesn't try.
"""

import argparse
import json
import math
import os
import random
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid

SCORES = ["market_size", "competition", "demand", "monetization", "feasibility", "time_to_market"]
# Streams, which tests of events follow, and what describes the API.
NOT_TRIED = {("GET", "/api/v1/ws"), ("GET", "/api/v1/openapi.json"), ("GET", "/api/v1/docs")}


class Driver:
    def __init__(self, url, key):
        self.url, self.headers = url.rstrip("/"), {"content-type": "application/json", **({"api-key": key} if key else {})}
        self.tried, self.wrong, self.checks = set(), [], 0

    def call(self, method, path, body=None, status=200, route=None, headers=None):
        """The answer's data, after a look at its status and envelope. `route` is the path with its names in braces."""
        self.tried.add((method, "/api/v1" + (route or path).split("?")[0]))
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}", data, {**self.headers, **(headers or {})}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                got, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            got, text = error.code, error.read()
        answer = json.loads(text)
        wanted = status if isinstance(status, tuple) else (status,)
        self.expect(got in wanted, f"{method} {path}: {got}, not {' or '.join(map(str, wanted))}: {text[:300]!r}")
        self.expect(answer.get("success") is (got < 400), f"{method} {path}: the envelope says {answer.get('success')}")
        if got >= 400:
            error = answer["error"]
            self.expect({"code", "message"} <= error.keys(), f"{method} {path}: the error is {error}")
            return error
        return answer["data"]

    def expect(self, is_so, what):
        self.checks += 1
        if not is_so:
            self.wrong.append(what)
            print(f"wrong: {what}", file=sys.stderr)


def vector(seed):
    pick = random.Random(seed)
    values = [pick.gauss(0, 1) for _ in range(768)]
    length = math.sqrt(sum(v * v for v in values))
    return [round(v / length, 7) for v in values]


def trends(api, mark):
    new = {
        "title": f"try {mark} one", "description": "Panels for balconies", "url": f"https://example.org/{mark}",
        "source": "reddit", "category": f"try-{mark}", "tags": ["solar", mark], "engagement_score": 10,
        "metadata": {"a": [1, None]}, "embedding": vector(mark),
    }  # fmt: skip
    first = api.call("POST", "/trends", new, 201)
    again = api.call("POST", "/trends", {**new, "title": f"TRY, {mark} one!", "engagement_score": 30})
    api.expect(again["id"] == first["id"] and again["engagement_score"] == 30, "a repeated trend is known")
    bad = api.call("POST", "/trends", {"title": "", "source": "nowhere", "embedding": [1]}, 422)
    api.expect({d["field"] for d in bad["details"]} >= {"title", "source", "embedding"}, f"every wrong field is named: {bad}")
    batch = [{"title": f"try {mark} {i}", "source": "vk", "category": f"try-{mark}"} for i in range(5)] + [{"title": "no source"}]
    kept = api.call("POST", "/trends/batch", {"trends": batch}, (200, 201))
    api.expect(len(kept["created"]) == 5 and kept["errors"][0]["index"] == 5, f"good ones are kept: {kept}")
    api.call("POST", "/trends/batch", {"trends": batch, "on_error": "refuse"}, 422)
    ids = [first["id"]] + [entry["id"] for entry in kept["created"]]

    listed = api.call("GET", f"/trends?category=try-{mark}&limit=4&order_by=engagement_score")
    api.expect(listed["total"] == 6 and listed["has_more"] and len(listed["items"]) == 4, f"a page: {listed['total']}")
    rest = api.call("GET", f"/trends?category=try-{mark}&limit=4&order_by=engagement_score&after={listed['next']}")
    api.expect({t["id"] for t in listed["items"] + rest["items"]} == set(ids), "pages have each trend once")
    api.call("GET", "/trends?limit=0", status=422)
    api.call("GET", "/trends?colour=red", status=422)

    path, route = f"/trends/{first['id']}", "/trends/{id}"
    one = api.call("GET", path, route=route)
    api.expect(one["title"] == new["title"] and one["metadata"] == new["metadata"], f"as it was stored: {one}")
    api.call("GET", f"/trends/{uuid.uuid4()}", status=404, route=route)
    changed = api.call("PATCH", path, {"description": None, "tags": ["wind"]}, route=route)
    api.expect(changed["description"] is None and changed["tags"] == ["wind"], f"a change: {changed}")
    api.call("PATCH", path, {"id": str(uuid.uuid4())}, 422, route=route)
    seen = {"observed_at": "2030-01-01T00:00:00Z", "engagement_score": 70, "source": "youtube"}
    api.call("POST", f"{path}/observations", seen, (200, 201), route=route + "/observations")
    observations = api.call("GET", f"{path}/observations", route=route + "/observations")
    api.expect(observations[0]["engagement_score"] == 70 and len(observations) >= 3, f"observations: {observations}")

    waiting = api.call("GET", "/trends/needing-embeddings?limit=1000")
    api.expect(set(ids[1:]) <= {t["id"] for t in waiting["items"]} or "model" in json.dumps(waiting), "those that lack an embedding")
    given = [{"id": id, "embedding": vector(id)} for id in ids[1:]]
    done = api.call("PUT", "/trends/embeddings", {"embeddings": given})
    api.expect(not done.get("missing"), f"all took theirs: {done}")
    hits = api.call("POST", "/trends/search", {"vector": vector(ids[1]), "limit": 1})
    api.expect(hits["items"][0]["trend"]["id"] == ids[1], f"found by its vector: {hits}")
    alike = api.call("POST", "/trends/search", {"like": ids[1], "category": f"try-{mark}", "limit": 10})
    api.expect(ids[1] not in {h["trend"]["id"] for h in alike["items"]}, "what is like a trend is not that trend")
    words = api.call("GET", f"/trends/search?q={mark}&limit=3", status=(200, 400, 409, 422))
    api.expect("items" in words or "code" in words, f"a search by words: {words}")
    statistics = api.call("GET", "/trends/stats")
    api.expect(statistics["total"] >= 6, f"statistics: {statistics}")
    moving = api.call("GET", "/trends/categories/trending?days=3650&limit=1000")
    api.expect(any(c["category"] == f"try-{mark}" for c in moving), "its category moves")
    return ids


def ideas(api, mark, trend):
    new = {"trend_id": trend, "title": f"try {mark} idea", "embedding": vector(f"{mark} idea"), **{s: 60 for s in SCORES}}
    idea = api.call("POST", "/ideas", new, 201)
    api.expect(idea["total_score"] == 60 and idea["status"] == "pending", f"an idea: {idea}")
    bad = api.call("POST", "/ideas", {**new, "demand": 101, "trend_id": "x"}, 422)
    api.expect({d["field"] for d in bad["details"]} >= {"demand", "trend_id"}, f"every wrong field is named: {bad}")
    other = api.call("POST", "/ideas", {"trend_id": trend, "title": f"try {mark} other", **{s: 20 for s in SCORES}}, 201)
    path, route = f"/ideas/{idea['id']}", "/ideas/{id}"
    api.expect(api.call("GET", path, route=route)["id"] == idea["id"], "an idea by its id")
    listed = api.call("GET", f"/ideas?trend={trend}&min_score=50")
    api.expect([i["id"] for i in listed["items"]] == [idea["id"]], f"ideas of a trend: {listed}")
    api.expect(api.call("GET", "/ideas/top?limit=1")["items"][0]["total_score"] >= 60, "the best")
    api.call("PATCH", path, {"status": "in_development"}, 422, route=route)
    for status in ("approved", "in_development"):
        api.expect(api.call("PATCH", path, {"status": status}, route=route)["status"] == status, status)
    waiting = api.call("GET", "/ideas/needing-embeddings?limit=1000")
    api.expect(idea["id"] not in {i["id"] for i in waiting["items"]}, "one with an embedding doesn't wait")
    api.call("PUT", "/ideas/embeddings", {"embeddings": [{"id": other["id"], "embedding": vector(f"{mark} other")}]})
    hits = api.call("POST", "/ideas/search", {"vector": vector(f"{mark} idea"), "limit": 1})
    api.expect(hits["items"][0]["idea"]["id"] == idea["id"], f"found by its vector: {hits}")
    api.call("GET", f"/ideas/search?q={mark}&limit=1", status=(200, 400, 409, 422))
    alike = api.call("GET", f"{path}/similar?limit=5", route=route + "/similar")
    api.expect(idea["id"] not in {h["idea"]["id"] for h in alike["items"]}, "similar ideas are others")
    queued = api.call("POST", "/ideas/analyze", {"trend_ids": [trend]}, 202)
    api.call("DELETE", f"/jobs/{queued['job_id']}", status=(200, 409), route="/jobs/{id}")
    api.call("DELETE", f"/ideas/{other['id']}", route=route)
    return idea["id"]


def businesses(api, mark, idea):
    new = {"idea_id": idea, "name": f"try {mark}", "domain": "try.example.org", "revenue_monthly": "1250.50"}
    business = api.call("POST", "/businesses", new, 201)
    path, route = f"/businesses/{business['id']}", "/businesses/{id}"
    api.expect(float(business["revenue_monthly"]) == 1250.5, f"exact money: {business}")
    launched = api.call("PATCH", path, {"status": "launched"}, route=route)
    api.expect(launched["launched_at"] is not None, f"launched: {launched}")
    api.expect(api.call("GET", path, route=route)["status"] == "launched", "a business by its id")
    listed = api.call("GET", f"/businesses?idea={idea}")
    api.expect(listed["total"] == 1, f"businesses of an idea: {listed}")
    api.call("POST", "/businesses", {"name": "x", "revenue_monthly": "1.234"}, 422)
    api.call("DELETE", path, route=route)
    api.call("GET", path, status=404, route=route)


def work(api, mark):
    type = f"try-{mark}"
    body = {"type": type, "params": {"n": 1}, "priority": "high", "max_attempts": 2, "backoff_seconds": 0, "idempotency_key": mark}
    job = api.call("POST", "/jobs", body, (201, 202))
    again = api.call("POST", "/jobs", body, (200, 202))
    api.expect(again["id"] == job["id"], "one job of one key")
    claim = {"types": [type], "worker": "try"}
    held = api.call("POST", "/jobs/claim", claim)
    path, route = f"/jobs/{job['id']}", "/jobs/{id}"
    api.call("POST", f"{path}/progress", {"lease": str(uuid.uuid4())}, 409, route=route + "/progress")
    told = api.call("POST", f"{path}/progress", {"lease": held["lease"], "progress": 0.5, "checkpoint": {"page": 2}}, route=route + "/progress")  # fmt: skip
    api.expect(told["progress"] == 0.5, f"progress: {told}")
    failed = api.call("POST", f"{path}/fail", {"lease": held["lease"], "error": "no luck"}, route=route + "/fail")
    api.expect(failed["status"] == "queued", f"it is tried again: {failed}")
    held = api.call("POST", "/jobs/claim", claim)
    api.expect(held["job"]["checkpoint"] == {"page": 2}, f"the next attempt gets the checkpoint: {held}")
    done = api.call("POST", f"{path}/complete", {"lease": held["lease"], "result": {"ok": True}}, route=route + "/complete")
    api.expect(done["status"] == "completed" and api.call("GET", path, route=route)["result"] == {"ok": True}, "completed")
    api.expect(api.call("POST", "/jobs/claim", claim) is None, "nothing waits")
    api.expect(api.call("GET", f"/jobs?type={type}")["total"] == 1, "jobs of a type")
    run = api.call("POST", "/agents/run", {"agent_type": type, "params": {}}, 202)
    api.call("DELETE", f"/jobs/{run['job_id']}", route=route)
    api.expect(type in api.call("GET", "/agents/status"), "the agent's status")
    own = api.call("POST", "/agents/executions", {"agent_type": type, "input_data": {"a": 1}}, 201)
    path, route = f"/agents/executions/{own['id']}", "/agents/executions/{id}"
    ended = api.call("PATCH", path, {"status": "completed", "output_data": {"b": 2}}, route=route)
    api.expect(ended["completed_at"] is not None, f"an execution ends: {ended}")
    api.expect(api.call("GET", path, route=route)["output_data"] == {"b": 2}, "an execution by its id")
    api.expect(api.call("GET", "/agents/executions?limit=1")["items"], "executions")

    name = f"try-{mark}"
    path, route = f"/schedules/{name}", "/schedules/{name}"
    api.call("PUT", path, {"job_type": type, "time": "at noon"}, 422, route=route)
    made = api.call("PUT", path, {"job_type": type, "time": "0 */2 * * *", "enabled": False}, (200, 201), route=route)
    api.expect(made["time"] == "0 */2 * * *", f"a schedule: {made}")
    api.expect(api.call("GET", path, route=route)["name"] == name, "a schedule by its name")
    listed = api.call("GET", "/schedules")
    api.expect(name in {s["name"] for s in listed}, "schedules")
    api.call("DELETE", path, route=route)
    api.call("GET", path, status=404, route=route)


def events(api, ids):
    found, after = set(), 0
    while True:
        page = api.call("GET", f"/events?follow=false&limit=1000&after={after}&subjects={','.join(ids)}", route="/events")
        found |= {(e["type"], e["subject"]) for e in page["items"]}
        after = page["next"]
        if not page["has_more"]:
            break
    api.expect({("trend.created", id) for id in ids} <= found, "events of all trends")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", default="http://localhost:6333")
    parser.add_argument("--api-key", default=os.environ.get("QDRANT__SERVICE__API_KEY"))
    options = parser.parse_args()
    api = Driver(options.url, options.api_key)
    mark = uuid.uuid4().hex[:10]
    try:
        ids = trends(api, mark)
        idea = ideas(api, mark, ids[0])
        businesses(api, mark, idea)
        work(api, mark)
        events(api, ids)
        for id in ids:
            api.call("DELETE", f"/trends/{id}", route="/trends/{id}")
        api.call("GET", f"/ideas/{idea}", status=404, route="/ideas/{id}")
        described = json.load(urllib.request.urlopen(f"{options.url}/api/v1/openapi.json", timeout=60))
    except OSError as error:
        sys.exit(f"{options.url}: {error}")
    for path, item in described["paths"].items():
        for method in item.keys() & {"get", "post", "put", "patch", "delete"}:
            route = (method.upper(), "/api/v1" + path)
            api.expect(route in api.tried | NOT_TRIED, f"the script doesn't try {route[0]} {route[1]}")
    print(f"{len(api.tried)} routes, {api.checks} checks, {len(api.wrong)} wrong")
    sys.exit(bool(api.wrong))


if __name__ == "__main__":
    main()
