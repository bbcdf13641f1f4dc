#!/usr/bin/env python3
"""Asks a server about one shape with targets of recall, for `trendex-bench shapes`, which judges what it answers.

usage: trendex-bench shapes --peers PYTHON --peers-script benchmarks/shape_targets.py …

The three widths of the task stand for the targets 0.90, 0.95 and 0.99. The points are upserted, the collection is left alone
until its recall has been measured by points of its own, and then the queries are asked. TRENDEX names the server's binary.
The folder is that of shape_peers.py; the answers are written as `ids-targets.npy`.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import orjson
from server import Server, encode
from shape_peers import Task

TARGETS = (0.90, 0.95, 0.99)
DISTANCES = {"cosine": "Cosine", "dot": "Dot", "euclid": "Euclid", "manhattan": "Manhattan"}
QUERIES_AT_ONCE = 50
NUMBERS_AT_ONCE = 500_000
WAIT_SECONDS = 900


def call(server, method, path, body=None):
    return orjson.loads(server.connection.call(method, path, None if body is None else encode(body)))["result"]


def until(server, holds):
    end = time.monotonic() + WAIT_SECONDS
    while not holds():
        if server.process.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"shape_targets: waited in vain; the server's status is {server.process.poll()}")
        time.sleep(0.1)


def fill(server, task):
    dimensions = task.base.shape[1]
    vectors = {"size": dimensions, "distance": DISTANCES[task.metric], "datatype": task.element}
    body = {"vectors": vectors, "hnsw_config": {"m": task.m}}
    if task.quantile is not None:
        body["quantization_config"] = {"scalar": {"type": "int8", "quantile": task.quantile}}
    call(server, "PUT", "/collections/c", body)
    batch = max(NUMBERS_AT_ONCE // dimensions, 1)
    for kind, value in task.steps:
        if kind == "remove":
            call(server, "POST", "/collections/c/points/delete?wait=true", {"points": value})
            continue
        for first in range(task.published_before(value), value, batch):
            points = [
                {"id": row, "vector": task.base[row], "payload": payload(task, row)}
                for row in range(first, min(first + batch, value))
            ]
            call(server, "PUT", "/collections/c/points?wait=true", {"points": points})
    until(server, lambda: call(server, "GET", "/collections/c")["status"] == "green")

    def is_measured():
        vector = call(server, "GET", "/collections/c/recall")["vectors"][""]
        return vector["background"] is not None or vector["scanned"]

    until(server, is_measured)


def payload(task, row):
    """Which filters allow the row."""
    if task.filters is None:
        return {}
    return {"allowed": [place for place, allowed in enumerate(task.filters) if allowed[row]]}


def ask(server, task, target):
    ids = np.full((len(task.queries), task.k), -1, np.int64)
    for first in range(0, len(task.queries), QUERIES_AT_ONCE):
        searches = []
        for number in range(first, min(first + QUERIES_AT_ONCE, len(task.queries))):
            search = {"query": task.queries[number], "limit": task.k, "params": {"recall": target}}
            if task.filters is not None:
                place = int(task.filter_of_query[number])
                search["filter"] = {"must": [{"key": "allowed", "match": {"value": place}}]}
            searches.append(search)
        found = call(server, "POST", "/collections/c/points/query/batch", {"searches": searches})
        for number, result in enumerate(found, first):
            row = [point["id"] for point in result["points"]]
            ids[number, : len(row)] = row
    return ids


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    task = Task(sys.argv[1])
    fields = json.loads((Path(sys.argv[1]) / "task.json").read_text())
    task.element, task.quantile = fields["element"], fields["quantile"]
    with tempfile.TemporaryDirectory() as folder:
        with Server(os.environ.get("TRENDEX", ".build/release/trendex"), folder) as server:
            fill(server, task)
            ids = [ask(server, task, target) for target in TARGETS]
    np.save(task.folder / "ids-targets.npy", np.concatenate(ids))


if __name__ == "__main__":
    main()
