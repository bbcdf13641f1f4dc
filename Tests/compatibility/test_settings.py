"""Settings of an index that change while the collection is searched and written."""

import random
import threading
import time

import numpy as np
import pytest

from harness import Rest

SIZE, COUNT = 64, 4000
PATH = "/collections/settings"


@pytest.fixture
def filled(rest, seed):
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((COUNT, SIZE)).astype(np.float32)
    rest.put(PATH, {"vectors": {"size": SIZE, "distance": "Euclid"}, "hnsw_config": {"m": 8}}).result
    for first in range(0, COUNT, 500):
        points = [{"id": i, "vector": vectors[i].tolist()} for i in range(first, first + 500)]
        rest.put(f"{PATH}/points?wait=true", {"points": points}).result
    settle(rest)
    yield vectors
    rest.delete(PATH).result


def settle(rest):
    deadline = time.monotonic() + 120
    while rest.get(PATH).result["status"] != "green":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def recall(rest, vectors, rng, **params):
    found = 0
    for _ in range(20):
        query = np.array([rng.gauss(0, 1) for _ in range(SIZE)], np.float32)
        best = np.argsort(((vectors - query) ** 2).sum(1))[:10]
        body = {"query": query.tolist(), "limit": 10, "params": params}
        points = rest.post(f"{PATH}/points/query", body).result["points"]
        assert len(points) == 10
        found += len({point["id"] for point in points} & set(best.tolist()))
    return found / 200


def codes(rest):
    return rest.get(f"{PATH}/memory").result["vectors"][""]["quantization"]["ram_bytes"]


def test_quantization_off_and_on(rest, filled, seed):
    rng = random.Random(seed)
    assert codes(rest) > 0
    rest.patch(PATH, {"quantization_config": "Disabled"}).result
    settle(rest)
    assert codes(rest) == 0
    assert rest.get(PATH).result["config"]["quantization_config"] is None
    assert recall(rest, filled, rng) > 0.9
    rest.patch(PATH, {"quantization_config": {"scalar": {"type": "int8", "quantile": 0.99}}}).result
    settle(rest)
    assert codes(rest) > 0
    assert recall(rest, filled, rng) > 0.9


def test_of_one_vector(rest, filled):
    rest.patch(PATH, {"vectors": {"": {"quantization_config": "Disabled"}}}).result
    settle(rest)
    assert codes(rest) == 0


def test_changes_beside_reads_and_writes(server, rest, filled, seed):
    rng, failures, is_over = random.Random(seed), [], threading.Event()

    def write():
        connection, turn = Rest(server.port), 0
        try:
            while not is_over.is_set():
                points = [{"id": 10**6 + turn, "vector": [1000.0 + turn] * SIZE}]
                connection.put(f"{PATH}/points?wait=true", {"points": points}).result
                body = {"query": [1000.0 + turn] * SIZE, "limit": 1}
                point = connection.post(f"{PATH}/points/query", body).result["points"][0]
                assert (point["id"], point["score"]) == (10**6 + turn, 0.0)
                turn += 1
        except Exception as error:  # noqa: BLE001
            failures.append(repr(error))
        finally:
            connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for settings in (
            {"hnsw_config": {"m": 16}},
            {"quantization_config": "Disabled"},
            {"hnsw_config": {"ef_construct": 60}},
            {"quantization_config": {"scalar": {"type": "int8", "quantile": 0.95}}},
            {"vectors": {"": {"hnsw_config": {"m": 12}}}},
        ):
            rest.patch(PATH, settings).result
            for _ in range(3):
                assert recall(rest, filled, rng, hnsw_ef=200) > 0.9
    finally:
        is_over.set()
        writer.join()
    assert not failures
    settle(rest)
    assert recall(rest, filled, rng) > 0.9
