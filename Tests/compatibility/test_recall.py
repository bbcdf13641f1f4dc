"""Recall as the real server tells it, measures it, and takes it as a wish."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from harness import Server, wait_until_green

POINTS, SIZE = 3000, 48
FIGURES = {
    "recall", "lower", "upper", "queries", "own_queries", "recent_queries", "lost_queries", "k", "hnsw_ef", "points",
    "age_seconds",
}  # fmt: skip
OLD_CLIENT = Path(sys.prefix) / "qdrant-client-1.7"


@pytest.fixture(scope="module")
def clustered():
    """A collection with a sparse graph, narrow walks of which find little, and its vectors."""
    rng = np.random.default_rng(3)
    centers = rng.standard_normal((40, SIZE))
    base = centers[rng.integers(0, 40, POINTS)] + 0.7 * rng.standard_normal((POINTS, SIZE))
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    with Server() as server:
        server.rest.put(
            "/collections/c",
            {"vectors": {"size": SIZE, "distance": "Cosine"}, "hnsw_config": {"m": 4, "ef_construct": 16}},
        ).result
        for first in range(0, POINTS, 500):
            points = [
                {"id": i, "vector": base[i].tolist(), "payload": {"n": i}} for i in range(first, first + 500)
            ]
            server.rest.put("/collections/c/points?wait=true", {"points": points}).result
        wait_until_green(server.rest, "c")
        yield server, base
        server.assert_alive()


def told(rest, path="/collections/c/recall", name=""):
    return rest.get(path).result["vectors"][name]


@pytest.fixture(scope="module")
def background(clustered):
    """What the background finds in a while."""
    server, _ = clustered
    deadline = time.monotonic() + 600
    while (vector := told(server.rest))["background"] is None:
        assert time.monotonic() < deadline, vector
        time.sleep(0.2)
    return vector["background"]


def test_the_background_measures(clustered, background):
    server, _ = clustered
    vector = told(server.rest)
    assert set(vector) == {"target", "scanned", "background", "background_state", "measured", "reachability"}
    assert vector["background_state"] == "measured" and vector["reachability"]["unreachable"] is not None
    assert vector["target"] is None and vector["scanned"] is False and vector["measured"] is None
    assert set(vector["reachability"]) == {"linked", "checked", "mended", "unreachable", "entry_points"}
    assert vector["reachability"]["linked"] == POINTS
    assert set(background) == FIGURES | {"curves", "hard_populations"}
    assert background["queries"] == background["own_queries"] + background["recent_queries"] == 512
    assert background["k"] == 10 and background["points"] == POINTS and background["age_seconds"] >= 0
    assert 0.9 < background["lower"] <= background["recall"] <= background["upper"] + 1e-9
    for k, curve in background["curves"].items():
        widths = [point["hnsw_ef"] for point in curve]
        assert widths == sorted(widths) and widths[0] == int(k)
        assert all(point["lower"] <= point["recall"] <= point["upper"] + 1e-9 for point in curve)
    ten = background["curves"]["10"]
    assert ten[0]["recall"] < 0.98 <= ten[-1]["recall"]
    samples = {}
    for line in server.rest.get("/metrics").body.decode().splitlines():
        if line.startswith("trendex_collection_"):
            series, value = line.rsplit(" ", 1)
            samples[series] = float(value)
    labels = '{id="c",vector=""}'
    assert samples[f"trendex_collection_recall{labels}"] == pytest.approx(background["recall"])
    assert samples[f"trendex_collection_recall_lower{labels}"] == pytest.approx(background["lower"])
    assert samples[f"trendex_collection_recall_queries{labels}"] == 512
    for name in ("unreachable_points", "mended_points", "entry_points"):
        assert samples[f"trendex_collection_{name}{labels}"] >= 0
    level = server.rest.get("/telemetry?details_level=1").result["collections"]["collections"]
    assert next(c for c in level if c["id"] == "c")["recall"]["vectors"][""]["background"]["queries"] == 512


def search(rest, vector, **params):
    body = {"vector": vector.tolist(), "limit": 10, "explain": True, "params": params}
    answer = rest.post("/collections/c/points/search", body)
    return [hit["id"] for hit in answer.result], answer.json["explain"]


def test_a_recall_is_met(clustered, background, seed):
    """Queries of the collection's own kind, against numpy."""
    server, base = clustered
    rng = np.random.default_rng(seed)
    queries = base[rng.integers(0, POINTS, 400)] + 0.1 / SIZE**0.5 * rng.standard_normal((400, SIZE))
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    best = np.argsort(-(queries @ base.T), axis=1)[:, :10]
    found, unlike = {}, 0
    for target in (0.9, 0.95, 0.99, 1):
        hits = 0
        for query, true in zip(queries, best):
            ids, explain = search(server.rest, query, recall=target)
            assert explain["recall"]["target"] == target and explain["recall"]["from"] == "request"
            # A query unlike all of the sample is promised nothing.
            unlike += explain["recall"]["expected"] is None
            assert explain["recall"]["expected"] is None or explain["recall"]["expected"] >= target
            hits += len(set(ids) & set(true.tolist()))
        found[target] = hits / 4000
        # Three standard deviations of the background's sample and of these queries.
        assert found[target] >= target - 0.04, (target, explain)
    assert unlike < 0.1 * 1600
    assert explain["plan"] == "exact_scan" and found[1] >= 0.999
    narrow = sum(len(set(search(server.rest, q, hnsw_ef=10)[0]) & set(t.tolist())) for q, t in zip(queries, best))
    # What no target asked for would be found by the narrowest walk.
    assert narrow / 4000 < found[0.95] <= found[1]


def test_a_measurement_on_request(clustered, background):
    rest = clustered[0].rest
    filter = {"must": [{"key": "n", "range": {"lt": 25}}]}
    for vector in (
        told(rest, f"/collections/c/recall?sample=30&k=5&hnsw_ef=10&filter={quote(json.dumps(filter))}"),
        rest.post("/collections/c/recall", {"sample": 30, "k": 5, "hnsw_ef": 10, "filter": filter}).result["vectors"][""],
    ):
        measured = vector["measured"]
        assert set(measured) == FIGURES | {"filter_matching"}
        assert measured["filter_matching"] == 25 and measured["queries"] == 30 and measured["k"] == 5
        assert measured["recall"] == 1 and measured["hnsw_ef"] is None, "so few are scanned"
    measured = told(rest, "/collections/c/recall?hnsw_ef=10&sample=300")["measured"]
    assert measured["hnsw_ef"] == 10 and measured["queries"] == 300
    # The same width on the background's curve, by other queries.
    point = background["curves"]["10"][0]
    assert point["hnsw_ef"] == 10
    # Of two samples the intervals of 95 % may miss each other by a little.
    assert measured["lower"] <= point["upper"] + 0.03 and point["lower"] <= measured["upper"] + 0.03


@pytest.mark.parametrize(
    "query,status",
    [
        ("sample=0", 422), ("sample=1001", 422), ("sample=x", 400), ("k=0", 422), ("k=101", 422), ("hnsw_ef=0", 422),
        ("filter=none", 400), ("filter=%5B%5D", 400), ("using=none", 400), ("timeout=0", 422),
        ("samples=10", 400), ("ef=10", 400), ("wait=true", 400),
    ],
)  # fmt: skip
def test_wrong_parameters(clustered, query, status):
    answer = clustered[0].rest.get(f"/collections/c/recall?{query}")
    assert answer.status == status, answer.body
    # An unknown vector is named; else the parameter.
    assert ("none" if query.startswith("using") else query.split("=")[0]) in answer.error


def test_wrong_bodies(clustered):
    rest = clustered[0].rest
    assert rest.get("/collections/none/recall").status == 404
    assert rest.post("/collections/none/recall", {}).status == 404
    assert rest.post("/collections/c/recall", {"sample": 0}).status == 422
    assert "samples" in rest.post("/collections/c/recall", {"samples": 10}).error
    assert "k" in rest.post("/collections/c/recall?k=5", {}).error
    vector = [0.1] * SIZE
    for params, status in (
        ({"recall": 0}, 422), ({"recall": 1.5}, 422), ({"recall": 0.9, "hnsw_ef": 9}, 400),
        ({"recall": 0.9, "exact": True}, 400),
    ):  # fmt: skip
        answer = rest.post("/collections/c/points/query", {"query": vector, "params": params})
        assert answer.status == status and "recall" in answer.error, (params, answer.body)
    assert rest.post("/collections/c/points/query", {"query": vector, "params": {"recall": "high"}}).status == 400


def test_a_target_survives_a_restart():
    with Server() as server:
        body = {"vectors": {"size": 4, "distance": "Dot"}, "hnsw_config": {"recall": 0.97}}
        server.rest.put("/collections/c", body).result
        assert told(server.rest)["target"] == 0.97
        server.kill()
        server.start()
        assert told(server.rest)["target"] == 0.97
        server.rest.patch("/collections/c", {"hnsw_config": {"recall": 0.9}}).result
        points = [{"id": 1, "vector": [1, 2, 3, 4]}]
        server.rest.put("/collections/c/points?wait=true", {"points": points}).result
        answer = server.rest.post("/collections/c/points/query", {"query": [1, 0, 0, 0], "explain": True})
        # One point is scanned, so nothing can be missed.
        assert answer.json["explain"]["recall"] == {"target": 0.9, "from": "collection", "expected": 1.0}
        server.rest.patch("/collections/c", {"hnsw_config": {"recall": None}}).result
        assert told(server.rest)["target"] is None


CLIENT = """
import sys
from qdrant_client import QdrantClient
client = QdrantClient(url=sys.argv[1])
config = client.get_collection(sys.argv[2]).config
assert config.hnsw_config.m == 24, config
assert config.params.vectors["a"].hnsw_config.m == 8, config
assert client.get_collections().collections
"""


@pytest.mark.parametrize("generation", ["current", "1.7"])
def test_clients_read_a_collection_with_targets(rest, server, generation):
    name = f"with-targets-{generation}"
    rest.put(
        f"/collections/{name}",
        {
            "vectors": {"a": {"size": 4, "distance": "Dot", "hnsw_config": {"m": 8, "recall": 0.99}}},
            "hnsw_config": {"m": 24, "recall": 0.95},
        },
    ).result
    assert told(rest, f"/collections/{name}/recall", "a")["target"] == 0.99
    environment = dict(os.environ)
    if generation == "1.7":
        assert OLD_CLIENT.is_dir(), f"{OLD_CLIENT} is missing; `make test` installs it"
        environment["PYTHONPATH"] = str(OLD_CLIENT)
    run = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", CLIENT, server.url, name],
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    rest.delete(f"/collections/{name}").result
