#!/usr/bin/env python3
"""What a collection takes where there are many: memory, descriptors, disk, and time to start.

usage: many_collections.py --server [NAME=]BINARY … [--collections 1000] [--points 1000] [--json FILE]

Each collection has points of 768 random dimensions with a payload and an index over a key. Several binaries are measured in turn.
Memory is what is resident beyond the empty server's: first as it is after the upload, when all is linked, and then after a start,
when nothing has been asked yet and when each collection has been searched once.
"""

import argparse
import json
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
from server import Server, encode

SIZE = 768


def fill(connection, name, points, rng):
    connection.call("PUT", f"/collections/{name}", encode({"vectors": {"size": SIZE, "distance": "Cosine"}}))
    connection.call("PUT", f"/collections/{name}/index?wait=true", encode({"field_name": "n", "field_schema": "integer"}))
    vectors = rng.standard_normal((points, SIZE), np.float32)
    for begin in range(0, points, 500):
        batch = [
            {"id": i, "vector": vectors[i], "payload": {"n": i, "source": "reddit", "title": f"a title of point {i}"}}
            for i in range(begin, min(begin + 500, points))
        ]
        connection.call("PUT", f"/collections/{name}/points?wait=true", encode({"points": batch}))


def until_green(connection, names):
    for name in names:
        while json.loads(connection.call("GET", f"/collections/{name}"))["result"]["status"] != "green":
            time.sleep(0.05)


def run(binary, collections, points):
    rng = np.random.default_rng(3)
    names = [f"business-{i}" for i in range(collections)]
    query = encode({"query": rng.standard_normal(SIZE, np.float32), "limit": 10})

    def each(server, empty):
        return {
            "anonymous_kB": round((server.memory()[0] - empty[0]) / collections / 1e3, 1),
            "mapped_kB": round((server.memory()[1] - empty[1]) / collections / 1e3, 1),
        }

    with tempfile.TemporaryDirectory() as folder:
        with Server(binary, folder) as server:
            connection, empty, files = server.connection, server.memory(), server.descriptors()
            begun = time.perf_counter()
            for name in names:
                fill(connection, name, points, rng)
            upload = time.perf_counter() - begun
            until_green(connection, names)
            told = {
                "upload_seconds": round(upload, 1), "uploaded": each(server, empty),
                "descriptors_a_collection": round((server.descriptors() - files) / collections, 3),
            }  # fmt: skip
            begun = time.perf_counter()
            server.stop()
            told["stop_seconds"] = round(time.perf_counter() - begun, 2)
        told["disk_kB"] = round(sum(f.stat().st_blocks * 512 for f in Path(folder).rglob("*") if f.is_file()) / collections / 1e3)
        starts = []
        for _ in range(3):
            with Server(binary, folder) as server:
                starts.append(round(server.seconds, 2))
                told["started"] = each(server, empty)
                for name in names:
                    server.connection.call("POST", f"/collections/{name}/points/query", query)
                told["started_and_searched"] = each(server, empty)
                told["descriptors_after_start"] = round((server.descriptors() - files) / collections, 3)
                server.stop(signal.SIGTERM)
        told["start_seconds"] = starts
    return told


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", action="append", required=True)
    parser.add_argument("--collections", type=int, default=1000)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    figures = {"collections": arguments.collections, "points": arguments.points, "dimensions": SIZE}
    for server in arguments.server:
        name, _, binary = server.rpartition("=")
        figures[name or binary] = run(binary, arguments.collections, arguments.points)
        print(name or binary, json.dumps(figures[name or binary], indent=1), flush=True)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
