#!/usr/bin/env python3
"""What a point takes in memory, page cache and on disk, by dimension.

usage: sizing.py --server BINARY [--data FOLDER] [--points 50000] [--dimensions 128,384,768,1536] [--json FILE] [--table FILE]

For each dimension a fresh server gets so many vectors (cosine) with a payload like a trend's, three declared payload indexes among
them, in batches of 500. The vectors are the folder's embeddings, for other dimensions than their own multiplied by a random matrix,
which keeps how many directions they really have; without a folder they are random around centres. When all is linked it tells its memory by what it is for, and is stopped, which saves what is derived. It is started
again (the time to its first answer is told), a snapshot is taken, a fourth of the points is deleted, and the highest anonymous
memory and disk while the collection is compacted are noted. Of the process's anonymous memory what goes beyond these parts is the
database's cache and what the allocator keeps of the upload; it doesn't grow with the points. Files of vectors are grown ahead by doubling, by 256 MiB at most: so few points may have
twice their bytes.
"""

import argparse
import json
import os
import platform
import signal
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from server import Server, encode

COLLECTION = "/collections/c"
BATCH = 500
INDEXES = {"source": "keyword", "category": "keyword", "engagement_score": "float"}


def payload(i, rng):
    return {
        "title": f"A title of the length that trends have, and the number {i}",
        "source": ["reddit", "youtube", "telegram", "vk", "instagram", "google_trends"][i % 6],
        "category": f"category-{i % 40}", "tags": [f"tag-{i % 101}", f"tag-{i % 997}"],
        "engagement_score": float(rng.integers(0, 10_000)), "url": f"https://example.com/posts/{i}",
    }  # fmt: skip


def made_rows(data, points, size, rng):
    if data is None:
        centres = rng.standard_normal((200, size), np.float32)
        return centres[rng.integers(0, 200, points)] + 0.7 * rng.standard_normal((points, size), np.float32)
    (path,) = Path(data).glob("base*.npy")
    rows = np.load(path, mmap_mode="r")[:points].astype(np.float32)
    assert len(rows) == points, f"{path} has {len(rows)} rows"
    return rows if rows.shape[1] == size else rows @ rng.standard_normal((rows.shape[1], size), np.float32)


def fill(connection, rows, extra, rng):
    points, size = rows.shape
    connection.call("PUT", COLLECTION, encode({"vectors": {"size": size, "distance": "Cosine"}, **extra}))
    for key, kind in INDEXES.items():
        connection.call("PUT", f"{COLLECTION}/index?wait=true", encode({"field_name": key, "field_schema": kind}))
    for begin in range(0, points, BATCH):
        count = min(BATCH, points - begin)
        batch = [{"id": begin + i, "vector": rows[begin + i], "payload": payload(begin + i, rng)} for i in range(count)]
        connection.call("PUT", f"{COLLECTION}/points?wait=true", encode({"points": batch}))


def until_green(connection):
    while json.loads(connection.call("GET", COLLECTION))["result"]["status"] != "green":
        time.sleep(0.05)


def allocated(folder):
    """Bytes that a folder's files take on the disk, by what they are."""
    found = {"vectors": 0, "derived": 0, "database": 0}
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                size = os.stat(os.path.join(path, name)).st_blocks * 512
            except FileNotFoundError:
                continue
            part = os.path.relpath(path, folder).split(os.sep)[0]
            if part in found:
                found[part] += size
            elif ".sqlite3" in name:
                found["database"] += size
    return found


class Peak(threading.Thread):
    """The highest anonymous memory and disk while it runs."""

    def __init__(self, server, folder):
        super().__init__(daemon=True)
        self.server, self.folder, self.ended = server, folder, threading.Event()
        self.memory = self.disk = 0

    def run(self):
        while not self.ended.wait(0.02):
            self.memory = max(self.memory, self.server.memory()[0])
            self.disk = max(self.disk, sum(allocated(self.folder).values()))


def measure(binary, data, points, size, extra):
    rng = np.random.default_rng(5)
    rows = made_rows(data, points, size, rng)
    with tempfile.TemporaryDirectory() as folder:
        storage = f"{folder}/storage"
        with Server(binary, folder, TRENDEX__RECALL_AUDIT="false") as server:
            connection, empty = server.connection, server.memory()[0]
            begun = time.perf_counter()
            fill(connection, rows, extra, rng)
            uploaded = time.perf_counter() - begun
            until_green(connection)
            linked = time.perf_counter() - begun
            # Working memory of the upload goes back to the system.
            time.sleep(3)
            told = json.loads(connection.call("GET", f"{COLLECTION}/memory"))["result"]
            uploaded_memory = server.memory()[0]
            server.stop(signal.SIGTERM)
        disk = allocated(storage)
        with Server(binary, folder, TRENDEX__RECALL_AUDIT="false") as server:
            connection, seconds = server.connection, server.seconds
            until_green(connection)
            started_memory = server.memory()[0]
            snapshot = json.loads(connection.call("POST", f"{COLLECTION}/snapshots"))["result"]["size"]
            peak = Peak(server, storage)
            peak.start()
            ids = list(range(0, points, 4))
            connection.call("POST", f"{COLLECTION}/points/delete?wait=true", encode({"points": ids}))
            until_green(connection)
            peak.ended.set()
            peak.join()
    def each(value):
        return round(value / points, 1)

    return {
        "size": size, "settings": extra, "points": points,
        "upload_seconds": round(uploaded, 1), "linked_seconds": round(linked, 1),
        "parts_bytes": {name: each(value) for name, value in parts(told).items()},
        "process_megabytes": {
            "empty": empty >> 20, "after_upload": uploaded_memory >> 20, "after_start": started_memory >> 20,
            "compacting": peak.memory >> 20,
        },
        "disk_bytes": {part: each(value) for part, value in disk.items()},
        "snapshot_bytes": each(snapshot),
        "compaction_peak_disk_bytes": each(peak.disk),
        "start_seconds": round(seconds, 2), "memory": told,
    }  # fmt: skip


def parts(told):
    """Bytes of memory by what they are for."""
    vector = told["vectors"][""]
    return {
        "codes": vector["quantization"]["ram_bytes"], "reduced_codes": vector["reduced_codes"]["ram_bytes"],
        "links": vector["index"]["ram_bytes"], "ids": told["id_tracker"]["ram_bytes"],
        "payload_indexes": sum(index["ram_bytes"] for index in told["payload_index"].values()),
    }  # fmt: skip


def row(result):
    size, disk = result["size"], result["disk_bytes"]
    settings = {(): "default"}.get(tuple(result["settings"]), json.dumps(result["settings"]).strip("{}").replace('"', ""))
    rows = size * bytes_of(result)
    # Of a million points, in GB.
    memory, process = result["parts_bytes"], result["process_megabytes"]
    cells = [
        size, settings, f"{sum(memory.values()) / 1e3:.2f}", *(f"{value / 1e3:.2f}" for value in memory.values()),
        f"{rows / 1e3:.2f}", f"{(rows + disk['derived'] + disk['database']) / 1e3:.2f}", f"{disk['derived'] / 1e3:.2f}",
        f"{disk['database'] / 1e3:.2f}", f"{result['snapshot_bytes'] / 1e3:.2f}",
        " / ".join(str(process[when]) for when in ("empty", "after_upload", "after_start", "compacting")),
    ]  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def bytes_of(result):
    """Bytes of a stored number."""
    return {"float16": 2, "uint8": 1}.get(result["settings"].get("vectors", {}).get("datatype"), 4)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", required=True)
    parser.add_argument("--data", help="a folder with base*.npy")
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--dimensions", default="128,384,768,1536")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    runs = [(int(size), {}) for size in options.dimensions.split(",")]
    if (768, {}) in runs:
        float16 = {"vectors": {"size": 768, "distance": "Cosine", "datatype": "float16"}}
        runs.append((768, float16))
    results = []
    for size, extra in runs:
        results.append(measure(options.server, options.data, options.points, size, extra))
        print(json.dumps(results[-1]), flush=True)
    lines = [
        f"# Sizes by dimension: GB a million points, measured with {options.points:,}", "",
        f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}; `make bench-sizing`", "",
        "| dimensions | settings | memory | codes | reduced codes | links | ids | payload indexes | vectors: disk, page cache "
        "| disk in all | indexes | database | snapshot | MB of this process: empty / after the upload / after a start / compacting |",
        "|---:|---|" + "---:|" * 12, *map(row, results), "",
    ]  # fmt: skip
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.table:
        options.table.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
