"""The log goes to standard output, wherever that leads."""

import json
import re
import socket
import subprocess
import time

from harness import Server


def lost_lines(server):
    lines = server.rest.get("/metrics").body.decode().splitlines()
    return int(next(line for line in lines if line.startswith("trendex_log_lost_lines_total ")).split()[1])


def test_a_full_disk_ends_nothing():
    with Server() as server, open("/dev/full", "wb") as full:
        server.stop()
        server.output = full
        server.start()
        rest = server.rest
        rest.put("/collections/c", {"vectors": {"size": 2, "distance": "Dot"}}).result
        rest.put("/collections/c/points?wait=true", {"points": [{"id": 1, "vector": [1, 2]}]}).result
        assert lost_lines(server) >= 1
        assert rest.post("/collections/c/points/count", {}).result == {"count": 1}
        assert server.stop() == 0


def test_lines_are_written_until_the_end():
    with Server() as server:
        assert lost_lines(server) == 0
        assert server.stop() == 0
        log = server.log_text()
        assert "is ready at" in log and log.rstrip().endswith("Stopped; everything is saved.")


def test_a_reader_that_has_gone_ends_nothing():
    with Server() as server:
        server.stop()
        with open(server.folder / "first", "wb") as first:
            # Takes one line and goes.
            reader = subprocess.Popen(["head", "-n", "1"], stdin=subprocess.PIPE, stdout=first)
        server.output = reader.stdin
        server.start()
        reader.wait()
        server.rest.put("/collections/c", {"vectors": {"size": 2, "distance": "Dot"}}).result
        assert server.stop() == 0
        assert "is ready at" in (server.folder / "first").read_text()


def lines(server):
    return [json.loads(line) for line in server.log.read_text().splitlines()]


def test_what_an_operator_asks_is_told():
    environment = {"QDRANT__LOGGER__FORMAT": "json", "TRENDEX__SLOW_REQUEST_MS": "1", "QDRANT__SERVICE__API_KEY": "secret"}
    with Server(environment) as server:
        rest = server.rest
        rest.headers["api-key"] = "secret"
        rest.put("/collections/c", {"vectors": {"size": 2, "distance": "Dot"}}).result
        points = [{"id": i, "vector": [1, i], "payload": {"n": i}} for i in range(100)]
        rest.put("/collections/c/points?wait=true", {"points": points}).result
        rest.post("/collections/c/points/count", {"filter": {"must": [{"key": "n", "range": {"gte": 3}}]}}).result
        rest.post("/collections/c/snapshots").result
        rest.delete("/collections/c").result
        # In flight when the server is told to stop: a body that never comes.
        with socket.create_connection(("127.0.0.1", server.port)) as hanging:
            hanging.sendall(
                b"POST /collections HTTP/1.1\r\nhost: x\r\n\r\n"
                b"PUT /collections/d HTTP/1.1\r\nhost: x\r\napi-key: secret\r\ncontent-type: application/json\r\n"
                b"content-length: 9\r\n\r\n{"
            )
            limit = time.monotonic() + 60
            while b"trendex_requests_in_flight 2" not in rest.get("/metrics").body:
                assert time.monotonic() < limit
                time.sleep(0.01)
            assert server.stop() == 0
        told = {line["message"]: line for line in lines(server)}
        ready = next(line for message, line in told.items() if "is ready at" in message)
        assert ready["url"].endswith(f":{server.port}") and ready["storage"] == str(server.storage), ready
        assert ready["snapshots"] == str(server.snapshots) and ready["durability"] == "full", ready
        assert ready["instruction_set"] in ("scalar", "avx2", "avx512", "neon") and ready["version"], ready
        assert str(ready["api_key"]).lower() == "true" and str(ready["read_only_api_key"]).lower() == "false", ready
        assert "secret" not in server.log.read_text()
        assert told["Collection created"]["collection"] == "c"
        assert int(told["Payload index built"]["points"]) == 100 and told["Payload index built"]["key"] == "n"
        assert re.fullmatch(r"c-.*\.snapshot", told["Snapshot created"]["snapshot"])
        assert int(told["Collection deleted"]["points"]) == 100
        assert int(told["Stopping, 1 request in flight"]["requests"]) == 1
        # Each takes a sync of the disk, and more than a millisecond.
        # Others may be slow as well.
        slow = [line["endpoint"] for line in lines(server) if line["message"] == "Slow request"]
        assert any(endpoint.startswith("/collections") for endpoint in slow), slow
        assert all(line["level"] == "INFO" for line in told.values()), told
