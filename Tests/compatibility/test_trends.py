"""The trend API as a script sees it: kills, and the commands for a stopped server."""

import json
import os
import random
import re
import subprocess
import threading
import uuid

import pytest

from harness import BINARY, Rest, Server

TRENDS = "/api/v1/trends"
KILLS = int(os.environ.get("TRENDEX_CRASH_ROUNDS") or 5)


def data(answer, status=200):
    assert answer.status == status, answer.body[:600]
    assert answer.json["success"] is True, answer.body[:600]
    return answer.json["data"]


def command(server, *arguments):
    return subprocess.run(
        [BINARY, *arguments, "--storage-path", server.storage], capture_output=True, text=True, timeout=120
    )


def axis(place):
    return [1.0 if i == place % 768 else 0.0 for i in range(768)]


def test_rows_and_points_after_kills(seed):
    """Trends with and without embeddings, and points of a pipeline, while the server is killed."""
    rng = random.Random(seed)
    acked = {}  # id: (title, whether it must have a vector; None where it isn't known)
    with Server() as server:
        for kill in range(KILLS):
            ended = threading.Event()
            lock = threading.Lock()

            def write(writer):
                rest = Rest(server.port)
                number = 0
                while not ended.is_set():
                    number += 1
                    try:
                        step(rest, f"{kill}.{writer}.{number}")
                    except OSError:
                        return
                    except Exception:
                        if ended.is_set():
                            return
                        raise

            def step(rest, name):
                trends = []
                for _ in range(rng.randrange(1, 20)):
                    trend = {"id": str(uuid.UUID(int=rng.getrandbits(128))), "title": name, "source": "vk", "deduplicate": False}
                    if rng.random() < 0.5:
                        trend["embedding"] = axis(rng.randrange(768))
                    trends.append(trend)
                data(rest.post(TRENDS + "/batch", {"trends": trends, "on_error": "refuse"}), 201)
                with lock:
                    for trend in trends:
                        acked[trend["id"]] = (name, "embedding" in trend)
                trend = rng.choice(trends)
                with lock:
                    acked[trend["id"]] = (name, None)
                point = {"id": trend["id"], "vector": axis(rng.randrange(768)), "payload": {"title": "a pipeline's"}}
                rest.put("/collections/trends/points?wait=true", {"points": [point]}).result
                with lock:
                    acked[trend["id"]] = (name, True)

            threads = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
            for thread in threads:
                thread.start()
            ended.wait(rng.uniform(0.2, 0.8))
            ended.set()
            server.kill()
            for thread in threads:
                thread.join(60)
                assert not thread.is_alive()
            repaired = command(server, "repair")
            assert repaired.returncode == 0, repaired
            # Nothing had to be repaired.
            assert set(re.findall(r"(\d+) (?:points|payloads|rows|were)", repaired.stdout)) == {"0"}, repaired.stdout
            server.start()
            rest = Rest(server.port)
            for trend, (title, has_vector) in list(acked.items()):
                found = data(rest.get(f"{TRENDS}/{trend}"))
                assert found["title"] == title
                if has_vector is not None:
                    assert (found["embedding_status"] == "current") == has_vector, (trend, found)
                else:
                    acked[trend] = (title, found["embedding_status"] == "current")
            points = rest.post("/collections/trends/points/count", {"exact": True}).result["count"]
            waiting = data(rest.get(TRENDS + "/needing-embeddings?limit=1"))["total"]
            assert points == data(rest.get(TRENDS + "?limit=1"))["total"] - waiting
    assert len(acked) > KILLS * 10


def test_commands_for_a_stopped_server(tmp_path):
    with Server() as server:
        for number in range(3):
            data(server.rest.post(TRENDS, {"title": f"T{number}", "source": "vk", "embedding": axis(number)}), 201)
        busy = command(server, "trends", "reset", "--yes")
        assert busy.returncode == 1 and "in use" in busy.stderr, busy
        assert server.stop() == 0
        asked = command(server, "trends", "reset")
        assert asked.returncode == 0 and "3 trends" in asked.stdout and "--yes" in asked.stdout, asked
        server.start()
        assert data(server.rest.get(TRENDS))["total"] == 3
        assert server.stop() == 0
        done = command(server, "trends", "reset", "--yes")
        assert done.returncode == 0 and "3 trends" in done.stdout, done
        server.start()
        assert data(server.rest.get(TRENDS))["total"] == 0
        assert server.rest.get("/collections").result == {"collections": []}
        data(server.rest.post(TRENDS, {"title": "again", "source": "vk", "embedding": axis(0)}), 201)
    nothing = subprocess.run(
        [BINARY, "repair", "--storage-path", tmp_path / "none"], capture_output=True, text=True, timeout=60
    )
    assert nothing.returncode == 1 and "no storage" in nothing.stderr, nothing


@pytest.mark.parametrize("restart", [False, True])
def test_a_collection_of_somebody_else(restart):
    with Server() as server:
        server.rest.put("/collections/trends", {"vectors": {"size": 768, "distance": "Cosine"}}).result
        points = {"points": [{"id": 1, "vector": axis(0), "payload": {"mine": True}}]}
        server.rest.put("/collections/trends/points?wait=true", points).result
        if restart:
            assert server.stop() == 0
            server.start()
        refused = server.rest.post(TRENDS, {"title": "T", "source": "vk"})
        assert refused.status == 409 and json.loads(refused.body)["error"]["code"] == "CONFLICT", refused.body
        assert data(server.rest.get(TRENDS))["total"] == 0
        assert server.rest.post("/collections/trends/points/count", {}).result["count"] == 1
        assert server.rest.delete("/collections/trends").result is True
        data(server.rest.post(TRENDS, {"title": "T", "source": "vk"}), 201)
        assert server.rest.delete("/collections/trends").status == 409
