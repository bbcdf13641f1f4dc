"""What the server tells of its memory, against what the kernel tells of the process."""

import time

import numpy as np
import pytest

from harness import Server, wait_until_green

POINTS, SIZE = 20_000, 256
PARTS = ["codes", "reduced_codes", "links", "ids", "payload_indexes"]
FIGURES = {"disk_bytes", "ram_bytes", "cached_bytes", "expected_cache_bytes"}


def metrics(rest):
    samples = {}
    for line in rest.get("/metrics").body.decode().splitlines():
        if line and not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            samples[series] = float(value)
    return samples


def parts(samples, collection):
    series = 'trendex_collection_resident_bytes{{id="{}",part="{}"}}'
    return {part: samples[series.format(collection, part)] for part in PARTS}


def fill(rest, name, count, seed):
    """Vectors about a few of 100 topics each, so that reduced codes pay, with two indexed payload keys."""
    rng = np.random.default_rng(seed)
    topics = rng.standard_normal((100, SIZE))
    rest.put(f"/collections/{name}", {"vectors": {"size": SIZE, "distance": "Cosine"}}).result
    for key, kind in (("tag", "keyword"), ("n", "integer")):
        rest.put(f"/collections/{name}/index?wait=true", {"field_name": key, "field_schema": kind}).result
    for first in range(0, count, 500):
        weights = rng.random((500, 100)) * (rng.random((500, 100)) < 0.04)
        vectors = weights @ topics + 0.01 * rng.standard_normal((500, SIZE))
        points = [
            {"id": i, "vector": v.tolist(), "payload": {"tag": f"the tag of number {i % 5000}", "n": i}}
            for i, v in zip(range(first, first + 500), vectors)
        ]
        rest.put(f"/collections/{name}/points?wait=true", {"points": points}).result
    wait_until_green(rest, name)
    for vector in vectors[:20]:
        body = {"vector": vector.tolist(), "limit": 10, "filter": {"must": [{"key": "n", "range": {"gte": 5}}]}}
        rest.post(f"/collections/{name}/points/search", body).result


def process(server):
    """The kernel's own sums over all mappings, in bytes."""
    fields = {}
    for line in open(f"/proc/{server.process.pid}/smaps_rollup").readlines()[1:]:
        name, rest = line.split(":")
        fields[name] = int(rest.split()[0]) * 1024
    return fields


@pytest.fixture(scope="module")
def filled():
    """A server whose allocator gives back at once what is freed, so that growth is what is in use."""
    environment = {
        "MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_MMAP_THRESHOLD_": "65536",
    }
    with Server(environment=environment) as server:
        fill(server.rest, "first", 2000, 1)
        before, anonymous = metrics(server.rest), process(server)["Anonymous"]
        fill(server.rest, "c", POINTS, 2)
        yield server, before, anonymous
        server.assert_alive()


def test_the_parts_explain_the_growth(filled):
    server, before, anonymous = filled
    deadline = time.monotonic() + 60
    while True:
        after = metrics(server.rest)
        grown = process(server)["Anonymous"] - anonymous
        told = sum(parts(after, "c").values())
        database = after["trendex_database_memory_bytes"] - before["trendex_database_memory_bytes"]
        # What is left are buffers, working memory of searches and the allocator's own.
        if 0.65 * grown <= told + database <= 1.1 * grown:
            break
        # Codes may be trained anew in the background, which takes a sample of the vectors for a while.
        assert time.monotonic() < deadline, (grown, parts(after, "c"), database)
        time.sleep(0.2)


def test_the_process_is_told_as_the_kernel_tells_it(filled):
    server, _, _ = filled
    deadline = time.monotonic() + 60
    while True:
        told, kernel = metrics(server.rest), process(server)
        anonymous, mapped = told["memory_resident_bytes"], told["trendex_memory_mapped_resident_bytes"]
        assert told["process_resident_memory_bytes"] == anonymous + mapped
        app = server.rest.get("/telemetry").result["app"]
        # The kernel sums up its counters loosely, and background work may come between two looks.
        if (
            abs(anonymous - kernel["Anonymous"]) < 4 << 20
            and abs(anonymous + mapped - kernel["Rss"]) < 8 << 20
            and abs(app["resident_bytes"] - anonymous) < 4 << 20
        ):
            break
        assert time.monotonic() < deadline, (anonymous, mapped, app, kernel)
        time.sleep(0.2)
    assert app["mapped_resident_bytes"] > 0


def test_each_part_is_as_large_as_it_must_be(filled):
    server, _, _ = filled
    samples = metrics(server.rest)
    c = parts(samples, "c")
    # Pages that were touched: whole huge ones where the system grants them.
    slack = 8 << 20
    assert POINTS * (SIZE + 4) <= c["codes"] <= POINTS * (SIZE + 4) * 1.1 + slack
    assert POINTS * 64 <= c["reduced_codes"] <= POINTS * 128 * 1.1 + slack
    # 2m links of 4 bytes and an offset.
    assert POINTS * 132 <= c["links"] <= POINTS * 145 + slack
    assert POINTS * 32 <= c["ids"] <= POINTS * 64
    # 20,000 numbers for ranges, and as many for equality.
    assert POINTS * (16 + 20) <= c["payload_indexes"] <= POINTS * 400
    mapped = samples['trendex_collection_mapped_bytes{id="c"}']
    resident = samples['trendex_collection_mapped_resident_bytes{id="c"}']
    assert mapped >= POINTS * SIZE * 4 and 0 < resident <= mapped


def test_the_same_component_by_component(filled):
    server, _, _ = filled
    memory = server.rest.get("/collections/c/memory").result
    assert set(memory) == {"total", "vectors", "payload_index", "id_tracker"}
    assert set(memory["vectors"]) == {""} and set(memory["payload_index"]) == {"tag", "n"}
    vector = memory["vectors"][""]
    assert set(vector) == {"storage", "index", "quantization", "reduced_codes"}
    components = [*vector.values(), *memory["payload_index"].values(), memory["id_tracker"]]
    assert all(set(component) == FIGURES for component in components)
    for figure in FIGURES:
        assert memory["total"][figure] == sum(component[figure] for component in components), figure
    samples = metrics(server.rest)
    c = parts(samples, "c")
    # Some page more may have been touched in between.
    for told, component in (
        ("codes", vector["quantization"]), ("reduced_codes", vector["reduced_codes"]), ("links", vector["index"]),
        ("ids", memory["id_tracker"]),
    ):
        assert abs(c[told] - component["ram_bytes"]) <= 1 << 20, told
    storage = vector["storage"]
    assert storage["disk_bytes"] == samples['trendex_collection_mapped_bytes{id="c"}']
    assert storage["expected_cache_bytes"] == POINTS * SIZE * 4 and storage["ram_bytes"] == 0
    level = server.rest.get("/telemetry?details_level=1").result["collections"]["collections"]
    told = next(c for c in level if c["id"] == "c")["memory"]
    assert told["vectors"][""]["storage"]["disk_bytes"] == storage["disk_bytes"]


def test_indexes_made_on_first_use_are_counted(rest):
    rest.put("/collections/implicit", {"vectors": {"size": 2, "distance": "Dot"}}).result
    points = [
        {"id": i, "vector": [i, 1], "payload": {"a": f"value {i} of many", "parts": [{"b": i}]}} for i in range(500)
    ]
    rest.put("/collections/implicit/points?wait=true", {"points": points}).result
    path = "/collections/implicit/memory"
    assert rest.get(path).result["payload_index"] == {}
    nested = {"nested": {"key": "parts", "filter": {"must": [{"key": "b", "match": {"value": 3}}]}}}
    filter = {"must": [{"key": "a", "match": {"value": "value 3 of many"}}, nested]}
    assert rest.post("/collections/implicit/points/count", {"filter": filter}).result["count"] == 1
    memory = rest.get(path).result["payload_index"]
    assert set(memory) == {"a", "parts[]"} or set(memory) == {"a", "parts"}
    assert memory["a"]["ram_bytes"] >= 500 * 16
    # The collection's own answer stays as Qdrant's clients know it.
    assert "memory" not in rest.get("/collections/implicit").result
    rest.delete("/collections/implicit").result
    assert rest.get(path).status == 404
    assert 'id="implicit"' not in rest.get("/metrics").body.decode()
