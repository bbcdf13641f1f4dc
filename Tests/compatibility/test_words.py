"""Searches of trends and ideas by words, as a script sees them: modes, hostile queries, writers beside readers, kills, verify and repair."""

import random
import sqlite3
import subprocess
import threading
import urllib.parse

import pytest

from harness import BINARY, Rest, Server

API = "/api/v1"


def axis(place):
    return [1.0 if i == place else 0.0 for i in range(768)]


def data(answer, status=200):
    assert answer.status == status, answer.body[:600]
    assert answer.json["success"] is True
    return answer.json["data"]


def search(rest, query, table="trends", **parameters):
    text = urllib.parse.urlencode({"q": query, **parameters})
    return rest.get(f"{API}/{table}/search?{text}")


def titles(answer, name="trend"):
    return [hit[name]["title"] for hit in data(answer)["items"]]


def post(rest, title, **members):
    return data(rest.post(f"{API}/trends", {"title": title, "source": "vk", "deduplicate": False, **members}), 201)["id"]


@pytest.fixture(scope="module")
def store():
    with Server() as server:
        rest = Rest(server.port)
        post(rest, "Solar batteries", description="Panels that store", tags=["solar", "DIY kits"], embedding=axis(0), category="energy")
        post(rest, "Солнечные панели для ёлки", source="reddit", engagement_score=50, embedding=axis(1))
        post(rest, "Heat pumps", description="no battery needed", tags=["warm"])
        yield rest
        server.assert_alive()


def test_stems_of_both_languages(store):
    assert titles(search(store, "battery")) == ["Solar batteries", "Heat pumps"]
    assert titles(search(store, "ПАНЕЛЬ")) == ["Солнечные панели для ёлки"]
    assert titles(search(store, "елка")) == ["Солнечные панели для ёлки"]
    assert titles(search(store, "ｐｕｍｐ")) == ["Heat pumps"]


def test_why_a_hit_is_one(store):
    hit = data(search(store, "the kit BATTERY pump", limit=1, tags="solar"))["items"][0]
    text = hit["match"]["text"]
    assert hit["match"].keys() == {"text"} and hit["score"] == text["score"] > 0
    assert text["rank"] == 1 and text["terms"] == ["kit", "BATTERY"]
    assert text["words"] == ["batteries", "kits"] and text["fields"] == ["title", "tags"]


def test_phrases_and_exclusions(store):
    assert titles(search(store, '"diy kit"')) == ["Solar batteries"]
    assert titles(search(store, '"kit diy"')) == []
    assert titles(search(store, "battery -pump")) == ["Solar batteries"]
    assert titles(search(store, 'battery -"heat pumps" -"store panels"')) == ["Solar batteries"]


def test_filters_hold_in_each_mode(store):
    for filters, expected in [
        ({"category": "energy"}, ["Solar batteries"]), ({"source": "reddit"}, []), ({"min_engagement": 1}, []),
        ({"tags": "warm"}, ["Heat pumps"]), ({"until": "2001-01-01T00:00:00Z"}, []), ({"stage": "new"}, ["Solar batteries", "Heat pumps"]),
    ]:  # fmt: skip
        assert titles(search(store, "battery", **filters)) == expected, filters
    body = {"q": "battery", "vector": axis(1), "mode": "hybrid", "source": "reddit"}
    assert titles(store.post(f"{API}/trends/search", body)) == ["Солнечные панели для ёлки"]
    body = {"q": "battery -pumps", "vector": axis(1), "mode": "hybrid"}
    hits = data(store.post(f"{API}/trends/search", body))["items"]
    assert [hit["trend"]["title"] for hit in hits] == ["Solar batteries", "Солнечные панели для ёлки"]
    assert hits[0]["match"]["semantic"]["rank"] == 2 and hits[0]["match"]["text"]["rank"] == 1
    assert hits[0]["score"] == pytest.approx(1 / 62 + 1 / 61) and hits[1]["score"] == pytest.approx(1 / 61)


def test_what_is_said_of_the_words(store):
    meta = search(store, "the battery -pump").json["meta"]
    assert meta == {"mode": "text", "text": {"terms": ["battery"], "excluded": ["pump"], "ignored": ["the"], "complete": True}}


@pytest.mark.parametrize("query", ["the of", "!?", "🔥", "-battery", '""', " ", " ".join(f"w{i}" for i in range(33)), "a" * 10_001])
def test_queries_without_an_answer_are_refused(store, query):
    answer = search(store, query)
    assert answer.status == 422, answer.body
    error = answer.json["error"]
    assert error["code"] == "VALIDATION_ERROR" and [detail["field"] for detail in error["details"]] == ["q"]


def test_other_members_are_refused(store):
    for body in [
        {"q": "x", "vector": axis(0)}, {"q": "x", "vector": axis(0), "mode": "text"}, {"vector": axis(0), "mode": "hybrid"},
        {"q": "x", "vector": axis(0), "like": "01a22e6e-0be6-753b-b4b6-913b46e4004a", "mode": "hybrid"}, {"q": "x", "mode": "words"},
        {"q": "x", "vector": axis(0), "mode": "hybrid", "skip": 400, "limit": 101},
    ]:  # fmt: skip
        assert store.post(f"{API}/trends/search", body).status == 422, body
    assert search(store, "x", mode="semantic").status == 400
    assert search(store, "x", mode="hybrid").status == 400


def test_hostile_queries(store, seed):
    rng = random.Random(seed)
    for query in ["NEAR(battery pump)", "title:battery", "batt*", "battery AND", "^battery", "{title}: battery", "'; DROP TABLE trends; --", '"', "((("]:
        assert search(store, query).status in (200, 422), query
    assert titles(search(store, "title:battery pump")) == ["Heat pumps", "Solar batteries"]
    assert titles(search(store, "batt*")) == []
    alphabet = "\"'*():^+-{}\\\0 aбAND OR NOT NEAR🔥é,;%_[]\u0301\u200d"
    for _ in range(300):
        query = "".join(rng.choice(alphabet) for _ in range(rng.randrange(1, 40)))
        assert search(store, query).status in (200, 422), query
    assert titles(search(store, "battery")) == ["Solar batteries", "Heat pumps"]


def test_ideas(store):
    trend = data(store.get(f"{API}/trends?limit=1"))["items"][0]["id"]
    scores = dict.fromkeys(["market_size", "competition", "demand", "monetization", "feasibility", "time_to_market"], 50)
    data(store.post(f"{API}/ideas", {"trend_id": trend, "title": "Прокат батареи", "description": "rental vans", **scores}), 201)
    assert titles(search(store, "батарей", "ideas"), "idea") == ["Прокат батареи"]
    assert titles(search(store, "van", "ideas", min_score=51), "idea") == []
    body = {"q": "van", "mode": "text", "trend": trend}
    hit = data(store.post(f"{API}/ideas/search", body))["items"][0]
    assert hit["match"]["text"]["fields"] == ["description"] and hit["match"]["text"]["words"] == ["vans"]


def test_readers_and_writers_at_once():
    """Whoever has written a row finds it with the next search, while others write and search."""
    with Server() as server:
        failures = []

        def run(writer):
            try:
                rest = Rest(server.port)
                for number in range(40):
                    word = f"w{writer}x{number}"
                    row = post(rest, f"Common {word}")
                    assert titles(search(rest, word)) == [f"Common {word}"]
                    if number % 3 == 0:
                        data(rest.patch(f"{API}/trends/{row}", {"title": f"Other {word}"}))
                        assert titles(search(rest, f"{word} -common")) == [f"Other {word}"]
                    if number % 5 == 0:
                        data(rest.delete(f"{API}/trends/{row}"))
                        assert titles(search(rest, word)) == []
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(writer,)) for writer in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures[0]
        server.assert_alive()


def test_the_index_after_kills_and_damage(seed):
    rng = random.Random(seed)
    with Server() as server:
        for _ in range(3):
            ended = threading.Event()

            def write():
                rest = Rest(server.port)
                while not ended.is_set():
                    trends = [
                        {"title": f"alpha w{rng.randrange(50)}", "source": "vk", "deduplicate": False} for _ in range(rng.randrange(1, 30))
                    ]
                    try:
                        data(rest.post(f"{API}/trends/batch", {"trends": trends}), 201)
                    except Exception:
                        if not ended.is_set():
                            raise
                        return

            writer = threading.Thread(target=write)
            writer.start()
            ended.wait(rng.uniform(0.2, 0.6))
            ended.set()
            server.kill()
            writer.join()
            run("verify", server, 0)
            server.start()
            rest = Rest(server.port)
            rows = data(rest.get(f"{API}/trends?limit=1"))["total"]
            assert len(data(search(rest, "alpha", limit=1_000))["items"]) == min(rows, 1_000)
        server.stop()
        with sqlite3.connect(server.storage / "trendex.sqlite3") as database:
            database.execute("UPDATE trends_text_data SET block = x'00ff' WHERE id > 10")
        database.close()
        assert "index of" in run("verify", server, 1)
        assert "made anew" in run("repair", server, 0)
        run("verify", server, 0)
        server.start()
        assert data(search(Rest(server.port), "alphas", limit=1))["items"]


def run(command, server, code):
    done = subprocess.run(
        [BINARY, command, "--storage-path", server.storage], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout
