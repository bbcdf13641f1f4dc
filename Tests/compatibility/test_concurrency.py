"""Many connections at once, and stopping in the middle."""

import json
import random
import signal
import threading

import pytest

from harness import Rest, Server

VECTORS = {"size": 16, "distance": "Cosine"}


def run(threads):
    problems = []

    def guarded(work, *arguments):
        try:
            work(*arguments)
        except BaseException as error:
            problems.append(error)

    started = [threading.Thread(target=guarded, args=(t[0], *t[1:])) for t in threads]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    if problems:
        raise problems[0]


def vector(rng):
    return [rng.gauss(0, 1) for _ in range(16)]


def test_writers_and_readers(server, rest, seed):
    """Each writer owns a range of ids; what it reads back of them is always what it wrote last."""
    rest.put("/collections/shared", {"vectors": VECTORS}).result
    rest.put("/collections/shared/index?wait=true", {"field_name": "owner", "field_schema": "integer"}).result
    expected = [{} for _ in range(4)]
    writing = threading.Event()

    def write(owner):
        rng, connection, mine = random.Random(seed + owner), Rest(server.port), expected[owner]
        for turn in range(120):
            ids = [owner * 1000 + rng.randrange(100) for _ in range(rng.randint(1, 10))]
            if turn % 5 == 4:
                connection.post("/collections/shared/points/delete?wait=true", {"points": ids}).result
                for i in ids:
                    mine.pop(i, None)
            else:
                points = {i: {"id": i, "vector": vector(rng), "payload": {"owner": owner, "turn": turn}} for i in ids}
                connection.put("/collections/shared/points?wait=true", {"points": list(points.values())}).result
                mine.update(points)
            i = rng.choice(ids)
            got = connection.post("/collections/shared/points", {"ids": [i]}).result
            assert [p["payload"]["turn"] for p in got] == ([mine[i]["payload"]["turn"]] if i in mine else []), i
            if i in mine:
                filter = {"must": [{"key": "owner", "match": {"value": owner}}]}
                body = {"vector": mine[i]["vector"], "limit": 1, "filter": filter}
                hit = connection.post("/collections/shared/points/search", body).result[0]
                assert hit["score"] > 1 - 1e-4, (i, hit)
            owned = connection.post(
                "/collections/shared/points/count",
                {"filter": {"must": [{"key": "owner", "match": {"value": owner}}]}, "exact": True},
            ).result["count"]
            assert owned == len(mine), (owner, turn, owned, len(mine))
        connection.close()

    def search():
        rng, connection = random.Random(seed), Rest(server.port)
        while not writing.is_set():
            body = {"vector": vector(rng), "limit": 20, "with_payload": True}
            hits = connection.post("/collections/shared/points/search", body).result
            assert len({h["id"] for h in hits}) == len(hits)
            assert all(h["id"] // 1000 == h["payload"]["owner"] for h in hits)
            scores = [h["score"] for h in hits]
            assert scores == sorted(scores, reverse=True)
        connection.close()

    readers_problem = []

    def guarded():
        try:
            search()
        except BaseException as error:
            readers_problem.append(error)

    readers = [threading.Thread(target=guarded) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        run([(write, owner) for owner in range(4)])
    finally:
        writing.set()
        for reader in readers:
            reader.join()
    assert not readers_problem, readers_problem
    points = rest.post("/collections/shared/points/scroll", {"limit": 10_000, "with_payload": True}).result["points"]
    everything = {i: p["payload"] for mine in expected for i, p in mine.items()}
    assert {p["id"]: p["payload"] for p in points} == everything
    rest.delete("/collections/shared").result


def test_collections_come_and_go(server, rest):
    """Creating and dropping while others write and search never answers with a server's error."""

    def work(n):
        rng, connection = random.Random(n), Rest(server.port)
        for _ in range(25):
            path = f"/collections/fleeting-{rng.randrange(3)}"
            answers = [
                connection.put(path, {"vectors": VECTORS}),
                connection.put(f"{path}/points?wait=true", {"points": [{"id": 1, "vector": vector(rng)}]}),
                connection.post(f"{path}/points/search", {"vector": vector(rng), "limit": 3}),
            ]
            if rng.random() < 0.5:
                answers.append(connection.delete(path))
            for answer in answers:
                assert answer.status in (200, 404, 409), (answer.status, answer.body[:300])
        connection.close()

    run([(work, n) for n in range(4)])
    for n in range(3):
        rest.delete(f"/collections/fleeting-{n}")


def test_graceful_stop_finishes_requests_in_flight():
    """Requests that were taken before SIGTERM are answered; what was acknowledged is there afterwards."""
    with Server() as server:
        server.rest.put("/collections/c", {"vectors": VECTORS}).result
        acknowledged, lock, problems = set(), threading.Lock(), []

        def write(n):
            rng, connection = random.Random(n), Rest(server.port)
            for turn in range(100_000):
                ids = [n * 1_000_000 + turn * 50 + j for j in range(50)]
                body = {"points": [{"id": i, "vector": vector(rng)} for i in ids]}
                try:
                    answer = connection.put("/collections/c/points?wait=true", body)
                except OSError:
                    return
                except Exception as error:
                    problems.append(f"half an answer: {error!r}")
                    return
                if answer.status != 200:
                    if answer.status != 503:
                        problems.append(f"{answer.status}: {answer.body[:300]}")
                    return
                with lock:
                    acknowledged.update(ids)

        writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for writer in writers:
            writer.start()
        while len(acknowledged) < 2000:
            threading.Event().wait(0.01)
        assert server.stop() == 0, server.log_text()
        for writer in writers:
            writer.join()
        assert not problems, problems
        server.start()
        points = server.rest.post("/collections/c/points/scroll", {"limit": 10_000_000, "with_payload": False}).result["points"]
        missing = acknowledged - {p["id"] for p in points}
        assert not missing, f"{len(missing)} acknowledged points are missing"


def test_stop_answers_pipelined_requests():
    """What a client has sent behind a request that is being answered is answered as well."""
    import socket

    with Server() as server:
        rest = server.rest
        rest.put("/collections/c", {"vectors": VECTORS}).result
        points = [{"id": i, "vector": [1] * VECTORS["size"], "payload": {"t": "x" * 1_000_000}} for i in range(9)]
        rest.put("/collections/c/points?wait=true", {"points": points}).result

        def request(limit):
            body = json.dumps({"limit": limit, "with_payload": limit == 9}).encode()
            return (
                b"POST /collections/c/points/scroll HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                b"content-length: %d\r\n\r\n%s" % (len(body), body)
            )

        with socket.create_connection(("127.0.0.1", server.port)) as client:
            # The first answer is larger than the socket takes, so that the others wait.
            client.sendall(b"".join(request(limit) for limit in (9, 1, 2, 3)))
            stream = client.makefile("rb")
            assert b" 200 " in stream.readline()
            server.process.send_signal(signal.SIGTERM)
            threading.Event().wait(0.3)
            for limit in (9, 1, 2, 3):
                if limit < 9:
                    assert b" 200 " in stream.readline(), f"the answer of {limit}"
                headers = {}
                while (line := stream.readline()) != b"\r\n":
                    name, _, value = line.partition(b":")
                    headers[name.lower()] = value.strip()
                assert (headers.get(b"connection") == b"close") == (limit == 3)
                answer = json.loads(stream.read(int(headers[b"content-length"])))
                assert len(answer["result"]["points"]) == limit
            assert stream.read() == b""
        assert server.process.wait(60) == 0, server.log_text()
        rest.close()


def test_stop_with_an_idle_connection():
    with Server() as server:
        idle = Rest(server.port)
        idle.get("/healthz")
        assert server.stop() == 0, server.log_text()
        idle.close()


def test_stop_with_a_stalled_body():
    """A client that never sends the rest is cut off, and the server ends in order."""
    import socket

    with Server() as server, socket.create_connection(("127.0.0.1", server.port)) as stalled:
        stalled.sendall(b"PUT /collections/c HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        server.rest.put("/collections/other", {"vectors": VECTORS}).result
        assert server.stop() == 0, server.log_text()


@pytest.mark.parametrize("kind", ["half a header", "half a body", "nothing"])
def test_slow_clients_hold_nobody_up(server, rest, kind):
    import socket

    sockets = []
    for _ in range(30):
        s = socket.create_connection(("127.0.0.1", server.port))
        if kind == "half a header":
            s.sendall(b"POST /collections/x/points/search HTTP/1.1\r\nhost: x\r\ncontent-le")
        elif kind == "half a body":
            s.sendall(b"POST /collections/x/points/search HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        sockets.append(s)
    assert rest.get("/collections").status == 200
    for s in sockets:
        s.close()
    assert rest.get("/collections").status == 200
