"""A process that may have few files."""

import resource
import socket
import time

import pytest

from harness import Rest, Server

FILES = 256


@pytest.fixture(scope="module")
def limited():
    with Server() as server:
        server.stop()
        server.limits = {resource.RLIMIT_NOFILE: FILES}
        server.start()
        yield server


def eventually(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_answered(server):
    return Rest(server.port).get("/collections").status == 200


def metric(rest, name):
    lines = rest.get("/metrics").body.decode().splitlines()
    return int(next(line for line in lines if line.startswith(name + " ")).split()[1])


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_more_vectors_than_files(durability):
    with Server({"QDRANT__TRENDEX__DURABILITY": durability}) as server:
        server.stop()
        server.limits = {resource.RLIMIT_NOFILE: FILES}
        server.start()
        rest, count = server.rest, FILES + 20
        vectors = {name: {"size": 2, "distance": "Dot"} for name in "ab"}
        for number in range(count):
            rest.put(f"/collections/c{number}", {"vectors": vectors}).result
        for turn in range(2):
            for number in range(count):
                points = [{"id": turn, "vector": {"a": [number, 1], "b": [1, number]}}]
                rest.put(f"/collections/c{number}/points?wait=true", {"points": points}).result
        assert metric(rest, "process_open_fds") < FILES / 2
        for start in ("stopped", "killed"):
            server.stop() if start == "stopped" else server.kill()
            server.start()
            rest = server.rest
            for number in range(0, count, 7):
                body = {"query": [1, 0], "using": "a", "with_vector": True}
                points = rest.post(f"/collections/c{number}/points/query", body).result["points"]
                assert [(p["id"], p["vector"]["a"]) for p in points] == [(i, [number, 1]) for i in (0, 1)]
            assert metric(rest, "process_open_fds") < FILES / 2


def test_too_many_connections_are_told(limited):
    open_ones = [Rest(limited.port) for _ in range(FILES)]
    statuses = []
    for rest in open_ones:
        try:
            answer = rest.call("GET", "/collections")
        except OSError:
            break
        statuses.append(answer.status)
        if answer.status == 503:
            assert "connections" in answer.error and answer.headers["retry-after"] == "1"
            break
    answered = statuses.count(200)
    assert statuses == [200] * answered + [503] and answered > FILES / 4
    # Those that are open go on being answered.
    assert all(rest.get("/collections").status == 200 for rest in open_ones[:answered])
    assert metric(open_ones[0], "trendex_connections_refused_total") >= 1
    for rest in open_ones:
        rest.close()
    eventually(lambda: is_answered(limited))


def test_connections_beyond_those_wait(limited):
    """Of those that say nothing the server takes as many as it can tell, and the rest in their turn."""
    silent = []
    for _ in range(FILES):
        silent.append(socket.create_connection(("127.0.0.1", limited.port)))
    for connection in silent:
        connection.close()
    eventually(lambda: is_answered(limited))
    limited.assert_alive()


def test_a_limit_of_ones_own():
    with Server({"QDRANT__TRENDEX__MAX_CONNECTIONS": "2"}) as server:
        # The harness has asked before.
        server.rest.close()
        held = []
        for _ in range(2):
            held.append(Rest(server.port))

            def holds(rest=held[-1]):
                if rest.get("/collections").status == 200:
                    return True
                rest.close()

            eventually(holds)
        assert not is_answered(server)
        held.pop().close()
        eventually(lambda: is_answered(server))
