"""The built-in analyst beside a chat service that may do anything, and a server that may be killed at any step."""

import json
import re
import time

import pytest

from chat_stub import SCORES, ChatStub
from harness import Rest, Server

API = "/api/v1"
STEPS = ["research", "scoring", "ranking"]


def data(answer, *statuses):
    assert answer.status in (statuses or (200,)), answer.body[:600]
    return answer.json["data"]


def analyst(stub, **more):
    """A server's environment: the analyst asks the stub."""
    return {
        "OPENAI_API_KEY": "sk-test", "TRENDEX__ANALYST__BASE_URL": stub.url, "TRENDEX__ANALYST__TIMEOUT_SEC": "5",
        **{f"TRENDEX__ANALYST__{name.upper()}": str(value) for name, value in more.items()},
    }  # fmt: skip


def trends(rest, count=1):
    return [
        data(rest.post(API + "/trends", {"title": f"Trend number {n}", "source": "vk", "deduplicate": False}), 201)["id"]
        for n in range(count)
    ]


def analyze(rest, ids):
    answer = data(rest.post(API + "/ideas/analyze", {"trend_ids": ids}), 202)
    assert answer["status"] == "queued" and "note" not in answer
    return answer["job_id"]


def job(rest, id):
    return data(rest.get(f"{API}/jobs/{id}"))


def wait_for(rest, id, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition(state := job(rest, id)):
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    return state


def ended(state):
    return state["status"] in ("completed", "failed", "cancelled")


def ideas(rest):
    return data(rest.get(API + "/ideas?limit=1000"))["items"]


def metrics(rest):
    text = rest.get("/metrics").body.decode()
    return {m[1]: float(m[2]) for m in re.finditer(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.M)}


@pytest.fixture
def bare():
    """A server without an analyst."""
    with Server() as server:
        yield server


@pytest.fixture
def stub():
    with ChatStub() as stub:
        yield stub


def test_trends_become_ideas(stub):
    models = {"scoring__model": "dear", "scoring__dollars_per_million_input_tokens": 10,
              "scoring__dollars_per_million_output_tokens": 20}  # fmt: skip
    with Server(analyst(stub, **models)) as server:
        rest = server.rest
        ids = trends(rest, 3)
        state = wait_for(rest, analyze(rest, ids), ended)
        assert state["status"] == "completed", state
        assert state["progress"] == 1 and state["worker"] == "trendex-analyst"
        assert stub.steps == ["research"] * 3 + ["scoring"] * 3 + ["ranking"]
        assert [request["model"] for request in stub.requests] == ["gpt-4o-mini"] * 3 + ["dear"] * 3 + ["gpt-4o-mini"]
        assert set(stub.keys) == {("/v1/chat/completions", "Bearer sk-test")}
        made = {idea["id"]: idea for idea in ideas(rest)}
        assert sorted(idea["trend_id"] for idea in made.values()) == sorted(ids)
        for idea in made.values():
            assert [idea[name] for name in SCORES] == [40, 50, 60, 70, 80, 90] and idea["total_score"] == 65
            assert idea["status"] == "pending" and idea["analysis"]["research"]["summary"] == "It grows"
            assert idea["analysis"]["models"]["scoring"] == "dear" and idea["analysis"]["job_id"] == state["id"]
            assert idea["analyzed_at"] > state["created_at"]
        # The best first: the stub ranks the last one best.
        assert [made[entry["id"]]["trend_id"] for entry in state["result"]["ideas"]] == ids[::-1]
        assert state["result"]["missing"] == []
        events = data(rest.get(API + "/events?follow=false&limit=1000"))["items"]
        assert sum(event["type"] == "idea.analyzed" for event in events) == 3
        told = [event["data"]["message"] for event in events if event["subject"] == state["id"]]
        assert "research: 2 of 3 trends" in told and "ranking: 1 of 1" in told
        assert data(rest.get(API + "/agents/status"))["analyze_trends"]["last_status"] == "completed"
        figures = metrics(rest)
        assert figures['llm_calls_total{model="gpt-4o-mini",status="ok"}'] == 4
        assert figures['llm_calls_total{model="dear",status="ok"}'] == 3
        assert figures['llm_cost_dollars_total{model="dear"}'] == pytest.approx(3 * (0.01 + 0.002))
        assert figures['llm_cost_dollars_total{model="gpt-4o-mini"}'] == pytest.approx(4 * (0.00015 + 0.00006))
        assert figures['llm_call_duration_seconds_count{model="dear"}'] == 3
        assert figures['agent_execution_seconds_count{agent_type="analyze_trends",status="completed"}'] == 1
        assert figures["trendex_analyst_dollars_today"] == pytest.approx(state["result"]["dollars"])
        assert "sk-test" not in server.log_text()


def test_without_a_service_jobs_wait(bare):
    rest = bare.rest
    answer = data(rest.post(API + "/ideas/analyze", {"trend_ids": trends(rest)}), 202)
    assert answer["status"] == "queued" and "trendex.analyst.base_url" in answer["note"]
    # Runs of other agents are timed as well.
    claimed = data(rest.post(API + "/jobs/claim", {"types": ["analyze_trends"], "worker": "w"}))
    assert claimed["job"]["id"] == answer["job_id"]
    data(rest.post(f"{API}/jobs/{answer['job_id']}/fail", {"lease": claimed["lease"], "error": "no", "final": True}))
    run = data(rest.post(API + "/agents/executions", {"agent_type": "trend_scout"}), 201)
    data(rest.patch(f"{API}/agents/executions/{run['id']}", {"status": "completed"}))
    figures = metrics(rest)
    assert figures['agent_execution_seconds_count{agent_type="analyze_trends",status="failed"}'] == 1
    assert figures['agent_execution_seconds_count{agent_type="trend_scout",status="completed"}'] == 1
    assert not any(name.startswith("llm_") for name in figures)


@pytest.mark.parametrize("step", STEPS)
def test_wrong_answers_are_corrected(stub, step):
    wrong = {
        "research": ['{"title": "no more than this"}', "Certainly! Here is the JSON:"],
        "scoring": [json.dumps({name: 101 for name in SCORES}), json.dumps({name: "7" for name in SCORES})],
        "ranking": ['{"ranking": []}', '{"ranking": [{"idea": 2, "recommendation": "pursue", "reason": "r"}]}'],
    }[step]
    stub.script = [stub.fenced] * STEPS.index(step) + [stub.content(text) for text in wrong]
    with Server(analyst(stub)) as server:
        state = wait_for(server.rest, analyze(server.rest, trends(server.rest)), ended)
        assert state["status"] == "completed" and state["attempts"] == 1, state
        assert [stub.steps.count(name) for name in STEPS] == [3 if name == step else 1 for name in STEPS]
        place = STEPS.index(step) + 2
        said = stub.requests[place]["messages"]
        assert said[2] == {"role": "assistant", "content": wrong[1]} and "can't be used" in said[3]["content"]
        assert len(ideas(server.rest)) == 1


@pytest.mark.parametrize("answer", [
    ChatStub.content("no"), ChatStub.content("[" * 100_000), ChatStub.content("x" * 900_000), ChatStub.content('{"a":' * 9_000),
    ChatStub.body(b"<html>"), ChatStub.body(b"[" * 500_000), ChatStub.body(b" " * (3 << 20)), ChatStub.body(b"\xff\xfe"),
    ChatStub.body({"choices": []}), ChatStub.body({"choices": [{"message": {"content": None, "refusal": "I won't"}}]}),
])  # fmt: skip
def test_answers_that_stay_wrong_fail_the_job(stub, answer):
    stub.script = [answer] * 3
    with Server(analyst(stub)) as server:
        rest = server.rest
        state = wait_for(rest, analyze(rest, trends(rest)), ended)
        assert state["status"] == "failed" and len(stub.requests) == 3, state
        assert "in the step research" in state["error"] and len(state["error"]) < 600
        assert ideas(rest) == []
        # The next job is done.
        assert wait_for(rest, analyze(rest, trends(rest)), ended)["status"] == "completed"


def test_failures_that_pass_are_waited_for(stub):
    stub.script = [stub.status(429, [("retry-after", "1")]), stub.status(500), stub.right, stub.status(503, body=b"\x00" * 999)]
    with Server(analyst(stub)) as server:
        start = time.monotonic()
        state = wait_for(server.rest, analyze(server.rest, trends(server.rest)), ended)
        assert state["status"] == "completed" and state["attempts"] == 1 and time.monotonic() - start > 1
        assert stub.steps == ["research"] * 3 + ["scoring"] * 2 + ["ranking"]
        figures = metrics(server.rest)
        for status, count in [("ok", 3), ("rate_limited", 1), ("unavailable", 2), ("refused", 0)]:
            assert figures[f'llm_calls_total{{model="gpt-4o-mini",status="{status}"}}'] == count


def test_a_long_retry_after_postpones_the_job(stub):
    stub.script = [stub.status(429, [("retry-after", "3600")])]
    with Server(analyst(stub)) as server:
        state = wait_for(server.rest, analyze(server.rest, trends(server.rest)), lambda state: state["message"])
        assert (state["status"], state["attempts"], len(stub.requests)) == ("queued", 0, 1)
        assert "429" in state["message"] and state["available_at"] > state["created_at"]


@pytest.mark.parametrize("kind", ["stall", "drip"])
def test_stalls_end_and_hold_nobody_up(stub, kind):
    stub.script = [getattr(stub, kind)]
    with Server(analyst(stub, timeout_sec=2, jobs_at_once=1)) as server:
        rest = Rest(server.port)
        first = analyze(rest, trends(rest))
        stub.wait_for(1)
        for _ in range(50):
            start = time.monotonic()
            data(rest.get(API + "/trends"))
            assert time.monotonic() - start < 1
        assert wait_for(rest, first, ended)["status"] == "completed"
        assert metrics(rest)['llm_calls_total{model="gpt-4o-mini",status="interrupted"}'] == 1


def test_a_stop_waits_for_no_answer(stub):
    stub.script = [stub.right, stub.stall]
    with Server(analyst(stub, timeout_sec=600)) as server:
        id = analyze(server.rest, trends(server.rest))
        stub.wait_for(2)
        start = time.monotonic()
        assert server.stop() == 0 and time.monotonic() - start < 10
        server.start()
        state = wait_for(server.rest, id, ended)
        assert state["status"] == "completed" and state["attempts"] == 1
        assert stub.steps == ["research", "scoring", "scoring", "ranking"]


def test_a_cancelled_job_asks_nothing_more(stub):
    stub.script = [stub.stall]
    with Server(analyst(stub, timeout_sec=600, jobs_at_once=1)) as server:
        id = analyze(server.rest, trends(server.rest))
        stub.wait_for(1)
        data(server.rest.delete(f"{API}/jobs/{id}"))
        # The lease is renewed every 15 seconds, which tells; then the next job is done.
        assert wait_for(server.rest, analyze(server.rest, trends(server.rest)), ended)["status"] == "completed"
        assert job(server.rest, id)["status"] == "cancelled" and stub.steps == ["research", *STEPS]
        assert len(ideas(server.rest)) == 1


def test_kills_repeat_no_step_that_was_done(stub):
    """kill -9 while each question of a job is on its way, one after the other."""
    with Server(analyst(stub)) as server:
        ids = trends(server.rest, 2)
        stub.script = [stub.stall]
        id = analyze(server.rest, ids)
        # Two of research, two of scoring, one of ranking: each is asked twice, as its first answer never comes.
        for question in range(5):
            stub.wait_for(2 * question + 1)
            server.kill()
            stub.script = [stub.right, stub.stall] if question < 4 else []
            server.start()
        state = wait_for(server.rest, id, ended)
        assert state["status"] == "completed" and state["attempts"] == 1, state
        assert stub.steps == ["research"] * 4 + ["scoring"] * 4 + ["ranking"] * 2
        assert sorted(idea["trend_id"] for idea in ideas(server.rest)) == sorted(ids)
        events = data(server.rest.get(API + "/events?follow=false&limit=1000&types=idea.analyzed"))["items"]
        assert len(events) == 2
        server.kill()
        server.start()
        assert len(ideas(server.rest)) == 2


def test_kills_make_ideas_once(stub, seed):
    """Killed at any moment, without a stall: whatever is asked twice, each trend of each job has one idea in the end."""
    import random

    rng = random.Random(seed)
    with Server(analyst(stub)) as server:
        ids = trends(server.rest, 12)
        jobs = [analyze(server.rest, ids[place : place + 2]) for place in range(0, 12, 2)]
        for _ in range(4):
            time.sleep(rng.uniform(0, 0.15))
            server.kill()
            server.start()
        for id in jobs:
            state = wait_for(server.rest, id, ended)
            assert state["status"] == "completed" and len(state["result"]["ideas"]) == 2, state
        assert sorted(idea["trend_id"] for idea in ideas(server.rest)) == sorted(ids)


def test_the_cost_limit_is_kept_across_kills(stub):
    # An answer costs 1.5 cents by the stub's usage; before it is there 8,192 tokens of output are reckoned with: 41 cents.
    prices = {"dollars_per_million_input_tokens": 10, "dollars_per_million_output_tokens": 50}
    with Server(analyst(stub, dollars_per_day=0.44, **prices)) as server:
        rest = server.rest
        ids = trends(rest, 2)
        jobs = [analyze(rest, [id]) for id in ids]
        state = wait_for(rest, jobs[0], lambda state: state["message"] and "cost limit" in state["message"])
        assert state["status"] == "queued" and state["attempts"] == 0, state
        assert state["available_at"].endswith("T00:00:00Z") and state["available_at"] in state["message"]
        asked = len(stub.requests)
        assert 1 <= asked < 6
        assert server.log_text().count("cost limit of the day") == 1
        spent = metrics(rest)["trendex_analyst_dollars_today"]
        assert spent == pytest.approx(0.015 * asked)
        server.kill()
        server.start()
        rest = server.rest
        assert metrics(rest)["trendex_analyst_dollars_today"] == pytest.approx(spent)
        # The start looks at the limit anew, and finds it reached.
        deadline = time.monotonic() + 60
        while server.log_text().count("cost limit of the day") < 2:
            assert time.monotonic() < deadline, server.log_text()
            time.sleep(0.05)
        assert len(stub.requests) == asked


def test_the_shared_limit_of_requests(stub):
    environment = {**analyst(stub), "QDRANT__RATE_LIMITS__OPENAI_API__PER_MINUTE": "6",
                   "QDRANT__RATE_LIMITS__OPENAI_API__BURST": "3"}  # fmt: skip
    with Server(environment) as server:
        id = analyze(server.rest, trends(server.rest))
        assert wait_for(server.rest, id, ended)["status"] == "completed"
        server.kill()
        server.start()
        start = time.monotonic()
        stub.script = []
        asked = len(stub.requests)
        analyze(server.rest, trends(server.rest))
        stub.wait_for(asked + 1)
        # The bucket was empty before the kill, and gains a request in ten seconds.
        assert time.monotonic() - start > 2


@pytest.mark.parametrize("environment, words", [
    ({"base_url": "ftp://host/v1"}, "base_url"), ({"base_url": "http://user:password@host/v1"}, "base_url"),
    ({"timeout_sec": 0}, "timeout_sec"), ({"jobs_at_once": 17}, "jobs_at_once"), ({"dollars_per_day": -1}, "dollars_per_day"),
    ({"model": "other", "dollars_per_day": 5}, "dollars_per_million_input_tokens"),
    ({"ranking__model": "other", "dollars_per_day": 5}, "ranking.dollars_per_million_input_tokens"),
])  # fmt: skip
def test_wrong_settings_stop_the_start(stub, environment, words):
    server = Server(analyst(stub, **environment))
    try:
        server.launch()
        assert server.process.wait(60) != 0
        assert words in server.log_text() and "password@" not in server.log_text()
    finally:
        server.kill()
        server.remove()
