"""A process that may have few files."""

import json
import resource
import socket
import threading
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


def partial_request(server, announced, sent):
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.sendall(
        b"PUT /collections/c/points HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%s" % (announced, b" " * sent)
    )
    return connection


def test_bodies_that_come_in_have_a_budget():
    with Server({"QDRANT__TRENDEX__REQUEST_MEMORY_MB": "8"}) as server:
        rest = server.rest
        rest.put("/collections/c", {"vectors": {"size": 4, "distance": "Dot"}}).result
        held = [partial_request(server, 3_500_000, 3_000_000) for _ in range(2)]
        eventually(lambda: metric(rest, "trendex_request_memory_bytes") > 5_000_000)
        large = json.dumps({"points": [{"id": 1, "vector": [1, 2, 3, 4], "payload": {"t": "x" * 3_000_000}}]})
        answer = Rest(server.port).put("/collections/c/points?wait=true", large)
        assert answer.status == 503 and answer.headers["retry-after"] == "1" and "MiB" in answer.error
        # What is small passes.
        points = [{"id": 2, "vector": [1, 2, 3, 4]}]
        rest.put("/collections/c/points?wait=true", {"points": points}).result
        assert len(rest.post("/collections/c/points/query", {"query": [1, 0, 0, 0]}).result["points"]) == 1
        for connection in held:
            connection.close()
        eventually(lambda: metric(rest, "trendex_request_memory_bytes") == 0)
        Rest(server.port).put("/collections/c/points?wait=true", large).result
        assert metric(rest, "trendex_request_memory_bytes") == 0
        assert metric(rest, "trendex_write_queue_bytes") == 0


def slow_reader(server, body):
    """A client that asks, and then takes nothing of the answer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", server.port))
    body = json.dumps(body).encode()
    connection.sendall(
        b"POST /collections/c/points/scroll HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%s" % (len(body), body)
    )
    return connection


def read_answer(connection):
    """Everything up to the announced end."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(1 << 16)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int([line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")][0].split(b":")[1])
    while len(body) < length:
        piece = connection.recv(1 << 20)
        assert piece, "the answer was cut off"
        body += piece
    return head, body


def test_answers_that_nobody_takes_have_a_budget():
    with Server({"QDRANT__TRENDEX__REPLY_MEMORY_MB": "24"}) as server:
        rest = server.rest
        rest.put("/collections/c", {"vectors": {"size": 4, "distance": "Dot"}}).result
        text = "x" * 1_000_000
        points = [{"id": i, "vector": [1, 2, 3, i], "payload": {"t": text}} for i in range(9)]
        rest.put("/collections/c/points?wait=true", {"points": points}).result
        everything = {"limit": 100, "with_payload": True}
        held = [slow_reader(server, everything) for _ in range(2)]
        # The sockets have taken some; the rest waits, with all of it counted until the end.
        eventually(lambda: metric(rest, "trendex_reply_memory_bytes") > 18_000_000)
        answer = Rest(server.port).post("/collections/c/points/scroll", everything)
        assert answer.status == 503 and answer.headers["retry-after"] == "1" and "MiB" in answer.error
        # What is small passes, and changes too.
        assert len(rest.post("/collections/c/points/scroll", {"with_payload": False}).result["points"]) == 9
        rest.put("/collections/c/points?wait=true", {"points": [{"id": 99, "vector": [1, 2, 3, 4]}]}).result
        # One client goes, the other takes its answer after all, and another question on the same connection.
        held.pop().close()
        head, body = read_answer(held[0])
        assert b" 200 " in head and [p["id"] for p in json.loads(body)["result"]["points"]] == list(range(9))
        assert all(p["payload"]["t"] == text for p in json.loads(body)["result"]["points"])
        held[0].sendall(b"GET /collections HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b'"c"' in read_answer(held[0])[1]
        held[0].close()
        eventually(lambda: metric(rest, "trendex_reply_memory_bytes") == 0)
        assert len(Rest(server.port).post("/collections/c/points/scroll", everything).result["points"]) == 10


def test_large_answers_follow_each_other():
    """Pipelined requests with large answers, of which each waits for its turn."""
    with Server() as server:
        rest = server.rest
        rest.put("/collections/c", {"vectors": {"size": 4, "distance": "Dot"}}).result
        points = [{"id": i, "vector": [1, 2, 3, i], "payload": {"t": str(i) * 500_000}} for i in range(4)]
        rest.put("/collections/c/points?wait=true", {"points": points}).result
        connection = socket.create_connection(("127.0.0.1", server.port))
        asked = b""
        for limit in (1, 2, 3, 4):
            body = json.dumps({"limit": limit, "with_payload": True}).encode()
            asked += (
                b"POST /collections/c/points/scroll HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                b"content-length: %d\r\n\r\n%s" % (len(body), body)
            )
        connection.sendall(asked)
        stream = connection.makefile("rb")
        for limit in (1, 2, 3, 4):
            assert b" 200 " in stream.readline()
            headers = {}
            while (line := stream.readline()) != b"\r\n":
                name, _, value = line.partition(b":")
                headers[name.lower()] = value.strip()
            points = json.loads(stream.read(int(headers[b"content-length"])))["result"]["points"]
            assert [p["payload"]["t"][:1] for p in points] == [str(i) for i in range(limit)]
        connection.close()


def test_garbage_behind_a_large_answer():
    """What is no HTTP ends the connection, but not in the middle of an answer that is being sent."""
    with Server() as server:
        rest = server.rest
        rest.put("/collections/c", {"vectors": {"size": 4, "distance": "Dot"}}).result
        points = [{"id": i, "vector": [1, 2, 3, i], "payload": {"t": "x" * 1_000_000}} for i in range(9)]
        rest.put("/collections/c/points?wait=true", {"points": points}).result
        for garbage in (b"GARBAGE\r\n\r\n", b"GET / HTTP/1.1\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", b"GET /coll"):
            connection = slow_reader(server, {"limit": 100, "with_payload": True})
            eventually(lambda: metric(rest, "trendex_reply_memory_bytes") > 0)
            connection.sendall(garbage)
            if len(garbage) < 10:
                connection.shutdown(socket.SHUT_WR)
            threading.Event().wait(0.2)
            head, body = read_answer(connection)
            assert b" 200 " in head and len(json.loads(body)["result"]["points"]) == 9
            connection.close()
            eventually(lambda: metric(rest, "trendex_reply_memory_bytes") == 0)
        server.assert_alive()
