"""Snapshots over HTTP: of a collection and of the whole storage, hostile names, damaged files, writes meanwhile."""

import hashlib
import http.client
import http.server
import threading
import uuid

import pytest

from harness import Rest, Server

VECTORS = {"size": 4, "distance": "Dot"}


def fill(rest, name, count=300, first=0):
    points = [{"id": i, "vector": [i, 1, -i, 2], "payload": {"n": i}} for i in range(first, first + count)]
    rest.put(f"/collections/{name}/points?wait=true", {"points": points}).result


@pytest.fixture
def taken(rest):
    rest.put("/collections/kept", {"vectors": VECTORS}).result
    rest.put("/collections/kept/index?wait=true", {"field_name": "n", "field_schema": "integer"}).result
    fill(rest, "kept")
    description = rest.post("/collections/kept/snapshots?wait=true").result
    yield description
    rest.delete("/collections/kept")


def count(rest, name):
    return rest.post(f"/collections/{name}/points/count", {"exact": True}).result["count"]


def upload(port, path, data, filename="x.snapshot"):
    boundary = uuid.uuid4().hex
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="snapshot"; filename="{filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return Rest(port).post(path, body, headers={"content-type": f"multipart/form-data; boundary={boundary}"})


def test_list_download_delete(rest, taken):
    listed = rest.get("/collections/kept/snapshots").result
    assert [s["name"] for s in listed] == [taken["name"]]
    answer = rest.get(f"/collections/kept/snapshots/{taken['name']}")
    assert answer.status == 200 and len(answer.body) == taken["size"] == listed[0]["size"]
    assert hashlib.sha256(answer.body).hexdigest() == taken["checksum"]
    assert rest.delete(f"/collections/kept/snapshots/{taken['name']}?wait=true").result is True
    assert rest.get("/collections/kept/snapshots").result == []
    assert rest.get(f"/collections/kept/snapshots/{taken['name']}").status == 404
    assert rest.delete(f"/collections/kept/snapshots/{taken['name']}").status == 404


def test_upload_and_http_location(rest, server, taken):
    data = rest.get(f"/collections/kept/snapshots/{taken['name']}").body
    with Server() as other:
        answer = upload(other.port, "/collections/arrived/snapshots/upload?priority=snapshot&wait=true", data)
        assert answer.result is True
        assert count(other.rest, "arrived") == 300
        assert other.rest.get("/collections/arrived").result["payload_schema"]["n"]["data_type"] == "integer"
        location = f"{server.url}/collections/kept/snapshots/{taken['name']}"
        body = {"location": location, "checksum": taken["checksum"]}
        assert other.rest.put("/collections/fetched/snapshots/recover?wait=true", body).result is True
        hits = other.rest.post("/collections/fetched/points/search", {"vector": [1, 0, 0, 0], "limit": 3}).result
        assert [h["id"] for h in hits] == [299, 298, 297]
        wrong = {**body, "checksum": "0" * 64}
        assert other.rest.put("/collections/never/snapshots/recover?wait=true", wrong).status == 400
        missing = {"location": f"{server.url}/collections/kept/snapshots/none.snapshot"}
        assert 400 <= other.rest.put("/collections/never/snapshots/recover?wait=true", missing).status < 600
        assert other.rest.get("/collections/never/exists").result == {"exists": False}
        assert other.stop() == 0
        other.start()
        assert count(other.rest, "arrived") == count(other.rest, "fetched") == 300


class Redirecting(http.server.BaseHTTPRequestHandler):
    """`/n/host:port/rest` redirects n times over this server, then to the rest at that host."""

    def do_GET(self):
        self.server.keys.append(self.headers.get("api-key"))
        hops, _, rest = self.path[1:].partition("/")
        self.send_response(302)
        onward = f"/{int(hops) - 1}/{rest}" if int(hops) > 1 else f"http://{rest}"
        self.send_header("location", onward)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_recovery_follows_redirects(taken, server):
    redirecting = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirecting)
    redirecting.keys = []
    threading.Thread(target=redirecting.serve_forever, daemon=True).start()
    # The other server wants a key, which must not come from a redirect of another's.
    with Server({"QDRANT__SERVICE__API_KEY": "secret"}) as other:
        keyed = Rest(other.port, other.auth)
        keyed.put("/collections/locked", {"vectors": VECTORS}).result
        locked = keyed.post("/collections/locked/snapshots").result["name"]
        plain = f"127.0.0.1:{server.port}/collections/kept/snapshots/{taken['name']}"
        guarded = f"127.0.0.1:{other.port}/collections/locked/snapshots/{locked}"

        def recover(hops, target):
            location = f"http://127.0.0.1:{redirecting.server_port}/{hops}/{target}"
            body = {"location": location, "api_key": "secret"}
            return server.rest.put("/collections/redirected/snapshots/recover?wait=true", body)

        try:
            assert recover(5, plain).result is True
            assert count(server.rest, "redirected") == 300
            assert redirecting.keys == ["secret"] * 5
            assert recover(6, plain).status == 400
            assert recover(1, guarded).status == 400
            direct = {"location": f"http://{guarded}", "api_key": "secret"}
            assert server.rest.put("/collections/redirected/snapshots/recover?wait=true", direct).result is True
        finally:
            redirecting.shutdown()
            server.rest.delete("/collections/redirected")


def test_recovery_replaces_what_is_there(rest, taken):
    fill(rest, "kept", 50, first=1000)
    rest.post("/collections/kept/points/delete?wait=true", {"points": list(range(100))}).result
    assert count(rest, "kept") == 250
    listed = rest.get("/collections/kept/snapshots").result[0]
    data = rest.get(f"/collections/kept/snapshots/{listed['name']}").body
    assert upload(rest.port, "/collections/kept/snapshots/upload?wait=true", data).result is True
    assert count(rest, "kept") == 300
    hits = rest.post("/collections/kept/points/search", {"vector": [-1, 0, 0, 0], "limit": 1}).result
    assert hits[0]["id"] == 0


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text", "doubled"])
def test_damaged_snapshots_change_nothing(rest, taken, damage):
    data = bytearray(rest.get(f"/collections/kept/snapshots/{taken['name']}").body)
    if damage == "truncated":
        data = data[: len(data) * 2 // 3]
    elif damage == "flipped":
        for at in range(len(data) // 3, len(data), max(1, len(data) // 50)):
            data[at] ^= 0x55
    elif damage == "empty":
        data = b""
    elif damage == "doubled":
        data = data[:512] + data
    else:
        data = b"not a snapshot at all" * 1000
    answer = upload(rest.port, "/collections/kept/snapshots/upload?wait=true", bytes(data))
    assert 400 <= answer.status < 600 and answer.error, answer.status
    assert count(rest, "kept") == 300
    answer = upload(rest.port, "/collections/fresh/snapshots/upload?wait=true", bytes(data))
    assert 400 <= answer.status < 600, answer.status
    assert rest.get("/collections/fresh/exists").result == {"exists": False}


NAMES = [
    "..%2f..%2ftrendex.sqlite3", "%2e%2e%2f%2e%2e%2fstorage", "..", "%2fetc%2fpasswd", "a%00b", ".", "..%5c..", "x" * 5000,
    "....%2f%2f", "%252e%252e%252f",
]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_snapshot_names(rest, taken, name):
    for path in (f"/collections/kept/snapshots/{name}", f"/snapshots/{name}"):
        for method in ("GET", "DELETE"):
            # A raw connection, so that nothing tidies the path on its way.
            raw = http.client.HTTPConnection("127.0.0.1", rest.port, timeout=30)
            raw.putrequest(method, path, skip_host=False)
            raw.endheaders()
            answer = raw.getresponse()
            body = answer.read()
            raw.close()
            assert answer.status in (400, 403, 404, 405, 414, 422, 431), (method, path[:80], answer.status)
            assert b"SQLite format" not in body and b"root:" not in body
    assert count(rest, "kept") == 300


@pytest.mark.parametrize("location", [
    "file:///etc/passwd", "file:///proc/self/environ", "file:///nowhere.snapshot", "ftp://localhost/x", "http://127.0.0.1:1/x",
    "", "not a url", "file://../../etc/passwd",
])
def test_hostile_locations(rest, location):
    answer = rest.put("/collections/hostile/snapshots/recover?wait=true", {"location": location})
    assert 400 <= answer.status < 600, answer.status
    assert b"root:" not in answer.body
    assert rest.get("/collections/hostile/exists").result == {"exists": False}


@pytest.mark.parametrize("filename", ["../../evil", "/tmp/evil", "a\x00b", ""])
def test_hostile_upload_names(rest, server, taken, filename):
    data = rest.get(f"/collections/kept/snapshots/{taken['name']}").body
    answer = upload(rest.port, "/collections/uploaded/snapshots/upload?wait=true", data, filename)
    assert answer.status in (200, 400), answer.status
    assert not list(server.folder.rglob("evil*"))
    rest.delete("/collections/uploaded")


@pytest.mark.parametrize("body,kind", [
    (b"", "multipart/form-data; boundary=x"), (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
    (b"--x--\r\n", "multipart/form-data; boundary=x"), (b"data", "multipart/form-data"),
    (b"--x\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n1\r\n--x--\r\n", "multipart/form-data; boundary=x"),
    (b"--x\r\n" + b"A: b\r\n" * 20000, "multipart/form-data; boundary=x"), (b"{}", "application/json"),
])
def test_malformed_uploads(rest, body, kind):
    answer = Rest(rest.port).post("/collections/fresh/snapshots/upload", body, headers={"content-type": kind})
    assert 400 <= answer.status < 500, answer.status
    assert rest.get("/collections/fresh/exists").result == {"exists": False}


def test_snapshot_while_writes_go_on(server, rest):
    """A snapshot holds one moment: with sequential ids, exactly a prefix of what was written."""
    rest.put("/collections/busy", {"vectors": VECTORS}).result
    fill(rest, "busy", 100)
    done, written, problems = threading.Event(), [100], []

    def write():
        connection = Rest(server.port)
        try:
            while not done.is_set():
                fill(connection, "busy", 20, first=written[0])
                written[0] += 20
        except BaseException as error:
            problems.append(error)
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    snapshots = []
    try:
        for _ in range(3):
            before = written[0]
            description = rest.post("/collections/busy/snapshots?wait=true").result
            # One request may have been committed without its answer having been seen.
            snapshots.append((description["name"], before, written[0] + 20))
    finally:
        done.set()
        writer.join()
    assert not problems, problems
    for name, least, most in snapshots:
        data = rest.get(f"/collections/busy/snapshots/{name}").body
        assert upload(rest.port, "/collections/moment/snapshots/upload?wait=true", data).result is True
        points = rest.post("/collections/moment/points/scroll", {"limit": 100_000}).result["points"]
        assert [p["id"] for p in points] == list(range(len(points)))
        assert least <= len(points) <= most and len(points) % 20 == 0, (least, len(points), most)
        assert all(p["payload"] == {"n": p["id"]} for p in points)
    rest.delete("/collections/moment").result
    rest.delete("/collections/busy").result


def test_storage_snapshot(rest, taken):
    description = rest.post("/snapshots?wait=true").result
    assert description["name"] in [s["name"] for s in rest.get("/snapshots").result]
    answer = rest.get(f"/snapshots/{description['name']}")
    assert answer.status == 200 and len(answer.body) == description["size"]
    assert hashlib.sha256(answer.body).hexdigest() == description["checksum"]
    assert rest.delete(f"/snapshots/{description['name']}?wait=true").result is True
    assert description["name"] not in [s["name"] for s in rest.get("/snapshots").result]
