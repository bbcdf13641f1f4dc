"""A disk that fills up: what frees space works, reads go on, and writes come back with the space."""

import random
import subprocess

import pytest

from harness import Rest, Server

MEGABYTES = 48
SIZE = 128


def on_small_disk(server):
    """The server sees a disk of its own at its storage folder; nobody else does."""
    wrapper = [
        "unshare", "--map-root-user", "--mount", "sh", "-c",
        f'mkdir -p "{server.storage}" && mount -t tmpfs -o size={MEGABYTES}m none "{server.storage}" && exec "$@"', "_",
    ]  # fmt: skip
    if subprocess.run([*wrapper, "true"], capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    server.wrapper = wrapper


@pytest.fixture
def small():
    with Server() as server:
        server.stop()
        on_small_disk(server)
        server.start()
        yield server


def create(rest, name):
    rest.put(f"/collections/{name}", {"vectors": {"size": SIZE, "distance": "Cosine"}}).result


def batch(rng, first, count=200, text=400):
    return {
        "points": [
            {
                "id": first + i,
                "vector": [rng.gauss(0, 1) for _ in range(SIZE)],
                "payload": {"n": i % 10, "text": "".join(rng.choices("abcdefgh ", k=text))},
            }
            for i in range(count)
        ]
    }


def fill(rest, name, rng):
    """Upserts until the disk is full. Answers how many points were acknowledged."""
    done = 0
    while True:
        answer = rest.put(f"/collections/{name}/points?wait=true", batch(rng, done))
        if answer.status != 200:
            assert answer.status == 507 and ("full" in answer.error or "space" in answer.error), answer.body
            return done
        done += 200
        assert done < 200_000, "the disk doesn't fill up"


def count(rest, name, filter=None):
    body = {"exact": True, **({"filter": filter} if filter else {})}
    return rest.post(f"/collections/{name}/points/count", body).result["count"]


@pytest.mark.parametrize("attempt", range(3))
def test_dropping_frees_it(small, seed, attempt):
    rng, rest = random.Random(seed + attempt), small.rest
    for name in ("kept", "full"):
        create(rest, name)
    rest.put("/collections/kept/points?wait=true", batch(rng, 0)).result
    done = fill(rest, "full", rng)
    # Smaller and smaller, until nothing goes in any more.
    for text in (100, 10, 1):
        while rest.put("/collections/full/points?wait=true", batch(rng, done, 5, text)).status == 200:
            done += 5
    assert count(rest, "full") == done and count(rest, "kept") == 200
    body = {"query": [1.0] * SIZE, "with_payload": True, "limit": 5}
    assert len(rest.post("/collections/full/points/query", body).result["points"]) == 5
    assert rest.put("/collections/more", {"vectors": {"size": 4, "distance": "Dot"}}).status in (200, 507)
    assert rest.delete("/collections/full").result is True
    assert count(rest, "kept") == 200
    # The space is there again, without a restart.
    create(rest, "again")
    for first in range(0, 2_000, 200):
        rest.put("/collections/again/points?wait=true", batch(rng, first)).result
    assert count(rest, "again") == 2_000
    small.assert_alive()


def test_deleting_works(small, seed):
    rng, rest = random.Random(seed), small.rest
    create(rest, "c")
    done = fill(rest, "c", rng)
    assert rest.put("/collections/c/points?wait=true", batch(rng, done)).status == 507
    for selection in (
        {"points": list(range(0, done, 3))},
        {"filter": {"must": [{"key": "n", "match": {"value": 4}}]}},
        {"filter": {"must": [{"key": "n", "range": {"lt": 4}}]}},
    ):
        rest.post("/collections/c/points/delete?wait=true", selection).result
    left = sum(1 for i in range(done) if i % 3 and (i % 200) % 10 > 4)
    assert count(rest, "c") == left
    rest.post("/collections/c/points/payload/delete?wait=true", {"keys": ["text"], "filter": {}}).result
    assert count(rest, "c", {"must_not": [{"is_empty": {"key": "text"}}]}) == 0
    rest.post("/collections/c/points/delete?wait=true", {"filter": {}}).result
    assert count(rest, "c") == 0
    assert rest.delete("/collections/c").result is True
    create(rest, "c")
    rest.put("/collections/c/points?wait=true", batch(rng, 0)).result


def test_a_restart_on_a_full_disk():
    """What was acknowledged is there after a kill, and can be deleted."""
    rng = random.Random(1)
    with Server() as server:
        server.stop()
        on_small_disk(server)
        # The disk goes with the namespace, so that a shell keeps that open between two servers.
        keeper = subprocess.Popen([*server.wrapper, "sleep", "1000"])
        try:
            server.wrapper = ["nsenter", "--preserve-credentials", "--user", "--mount", "-t", str(keeper.pid)]
            server.start()
            create(server.rest, "c")
            done = fill(server.rest, "c", rng)
            server.kill()
            server.start()
            rest = Rest(server.port)
            assert count(rest, "c") >= done
            assert rest.delete("/collections/c").result is True
            create(rest, "c")
            rest.put("/collections/c/points?wait=true", batch(rng, 0)).result
            assert server.stop() == 0
        finally:
            keeper.kill()
            keeper.wait()


def test_trends_are_deleted_on_a_full_disk(small, seed):
    rng, rest = random.Random(seed), small.rest
    trends = "/api/v1/trends"
    text = "x" * 20_000
    ids = []

    def new():
        return {"title": "T", "source": "vk", "deduplicate": False, "description": text, "embedding": [rng.gauss(0, 1) for _ in range(768)]}

    while True:
        answer = rest.post(f"{trends}/batch", {"trends": [new() for _ in range(20)], "on_error": "refuse"})
        if answer.status != 201:
            assert answer.status == 507 and answer.json["error"]["code"] == "STORAGE_FULL", answer.body[:300]
            break
        ids += [trend["id"] for trend in answer.json["data"]["created"]]
    assert len(ids) > 100
    while rest.post(trends, {"title": "small", "source": "vk", "deduplicate": False}).status == 201:
        ids.append(None)
    assert rest.get(f"{trends}?limit=1").json["data"]["total"] == len(ids)
    for trend in ids[:60]:
        answer = rest.delete(f"{trends}/{trend}")
        assert answer.status == 200, answer.body[:300]
    assert rest.get(f"{trends}?limit=1").json["data"]["total"] == len(ids) - 60
    # With the space writes return, without a restart.
    assert rest.post(trends, new()).status == 201
    small.assert_alive()
