"""The log goes to standard output, wherever that leads."""

import subprocess

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
