#!/usr/bin/env python3
"""Latency of small searches over HTTP beside slow readers and a writer.

usage: beside_writes.py --server BINARY [--server BINARY] [--rows 200000] [--seconds 10] [--json FILE] [--plot FILE]

One connection makes small searches. Beside it another loops slow reads (exact searches, or counts of a filter with 200 ranges), and
a third upserts batches of 100: while nothing else goes on at first, right after a quarter of the points was replaced, and while the
compaction is under way that follows. Several binaries are measured in turn. The rows are drawn from clusters that no codes of fewer
dimensions tell apart, so that what isn't linked yet is scanned at its dearest.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np

from server import Connection, Server, encode

SIZE, BATCH = 768, 100


def rows(rng, centers, count):
    picked = centers[rng.integers(0, len(centers), count)]
    return (picked + rng.standard_normal((count, SIZE), np.float32) * 0.7).astype(np.float32)


def upsert_body(rng, centers, ids):
    vectors = rows(rng, centers, len(ids))
    points = [{"id": int(i), "vector": v, "payload": {"n": int(rng.integers(0, 1 << 30))}} for i, v in zip(ids, vectors)]
    return encode({"points": points})


def loop(port, kind, seconds, count, seed, start, results):
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(1).standard_normal((500, SIZE), np.float32)
    queries = rows(rng, centers, 200)
    path = "/collections/c/points/"
    if kind == "small":
        bodies = [encode({"query": q, "limit": 10}) for q in queries]
        request = ("POST", path + "query")
    elif kind == "exact":
        bodies = [encode({"query": q, "limit": 10, "params": {"exact": True}}) for q in queries]
        request = ("POST", path + "query")
    elif kind == "ranges":
        bodies = []
        for _ in range(20):
            bounds = rng.integers(0, 1 << 30, 200)
            should = [{"key": "n", "range": {"gte": int(b), "lt": int(b) + (1 << 22)}} for b in bounds]
            bodies.append(encode({"filter": {"should": should}, "exact": True}))
        request = ("POST", path + "count")
    else:
        bodies = [upsert_body(rng, centers, rng.choice(count, BATCH, replace=False)) for _ in range(20)]
        request = ("PUT", "/collections/c/points?wait=true")
    connection = Connection(port)
    for body in bodies[:3]:
        connection.call(*request, body)
    start.wait()
    times, turn, end = [], 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        begun = time.perf_counter()
        connection.call(*request, bodies[turn % len(bodies)])
        times.append(time.perf_counter() - begun)
        turn += 1
    results.put((kind, times))


def measure(port, kinds, seconds, count):
    results = multiprocessing.Queue()
    start = multiprocessing.Barrier(len(kinds))
    workers = [
        multiprocessing.Process(target=loop, args=(port, kind, seconds, count, 10 + i, start, results))
        for i, kind in enumerate(kinds)
    ]
    for worker in workers:
        worker.start()
    found = dict(results.get() for _ in workers)
    for worker in workers:
        worker.join()
    return {
        kind: {"count": len(t), **{f"p{p}_milliseconds": round(float(np.percentile(t, p)) * 1e3, 3) for p in (50, 95, 99)}}
        for kind, t in found.items()
    }  # fmt: skip


def info(connection):
    return json.loads(connection.call("GET", "/collections/c"))["result"]


def until_green(connection):
    while info(connection)["status"] != "green":
        time.sleep(0.2)


def is_compacting(folder):
    """Whether a new generation's vector files are being made beside the ones in use."""
    return len(list(Path(folder, "storage/vectors/1").iterdir())) > 1


def until_compacting(connection, folder):
    while not is_compacting(folder):
        assert info(connection)["status"] != "green", "no compaction has begun, or it has already ended"
        time.sleep(0.05)


def rewrite(connection, rng, centers, count, first, share):
    """Replaces a share of the points, so that a compaction begins."""
    for begin in range(first, first + int(share * count), BATCH):
        connection.call("PUT", "/collections/c/points?wait=true", upsert_body(rng, centers, range(begin, begin + BATCH)))


def run(binary, count, seconds):
    rng = np.random.default_rng(2)
    centers = np.random.default_rng(1).standard_normal((500, SIZE), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        with Server(binary, folder, TRENDEX__RECALL_AUDIT="false") as server:
            connection, port = server.connection, server.port
            connection.call("PUT", "/collections/c", encode({"vectors": {"size": SIZE, "distance": "Cosine"}}))
            connection.call("PUT", "/collections/c/index?wait=true", encode({"field_name": "n", "field_schema": "integer"}))
            for begin in range(0, count, BATCH):
                connection.call("PUT", "/collections/c/points?wait=true", upsert_body(rng, centers, range(begin, begin + BATCH)))
            until_green(connection)
            told = {"alone": measure(port, ["small"], seconds, count)}
            for kind in ("exact", "ranges"):
                told[f"beside {kind}"] = measure(port, ["small", kind], seconds, count)
                kinds = ["small", kind, "upserts"]
                told[f"beside {kind} and upserts"] = measure(port, kinds, seconds, count)
                assert not is_compacting(folder), "a compaction has begun before the upserts ended"
                until_green(connection)
                rewrite(connection, rng, centers, count, 0, 0.26)
                told[f"beside {kind} and upserts, much unlinked"] = measure(port, kinds, seconds, count)
                assert not is_compacting(folder), "all was linked before the upserts ended"
                until_compacting(connection, folder)
                told[f"beside {kind}, upserts and compaction"] = measure(port, kinds, seconds, count)
                assert is_compacting(folder), "the compaction has ended before the measurement"
                until_green(connection)
            return told


def plot(figures, file):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(next(iter(figures.values())))
    figure, axes = pyplot.subplots(figsize=(13, 4.5))
    width = 0.8 / len(figures)
    for place, (binary, told) in enumerate(figures.items()):
        heights = [told[name]["small"]["p99_milliseconds"] for name in names]
        bars = axes.bar(np.arange(len(names)) + place * width, heights, width, label=binary)
        axes.bar_label(bars, fmt="%.1f", fontsize=8)
    axes.set_xticks(np.arange(len(names)) + 0.4 - width / 2, [name.replace(" and", "\nand").replace(", ", ",\n") for name in names])
    axes.set_ylabel("p99 of small searches, ms")
    axes.set_yscale("log")
    axes.legend()
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", required=True, metavar="[NAME=]BINARY")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--json")
    parser.add_argument("--plot")
    arguments = parser.parse_args()
    figures = {}
    for server in arguments.server:
        name, _, binary = server.rpartition("=")
        figures[name or binary] = told = run(binary, arguments.rows, arguments.seconds)
        for scenario, kinds in told.items():
            print(f"{name or binary}: {scenario}: {json.dumps(kinds)}", flush=True)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"rows": arguments.rows, "seconds": arguments.seconds, "figures": figures}, file, indent=1)
    if arguments.plot:
        plot(figures, arguments.plot)


if __name__ == "__main__":
    main()
