#!/usr/bin/env python3
"""Loads a small sample of trends into Trendex and runs a few semantic searches with filters.

It needs nothing but Python's standard library. With TRENDEX_URL (and TRENDEX_API_KEY) set, that server is used;
otherwise the one on http://localhost:6333 if one answers there, otherwise a server of its own on a free port with
a temporary folder, which is removed afterwards.

trends.jsonl     one trend a line: title, description, source, category, tags, numbers, time
trends_f16.npy   n x 768 float16: the embedding of "title. description" (all-mpnet-base-v2, unit length), same order
queries.json     the queries' texts, each with an optional filter in the search API's own form
queries_f16.npy  the queries' embeddings
"""

import ast
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER = os.path.join(HERE, "..", ".build", "release", "trendex")
COLLECTION = "demo_trends"
BATCH = 64
HITS = 3
START_SECONDS = 30


class DemoError(Exception):
    pass


def read_npy(path):
    """Rows of a two-dimensional little-endian float16 or float32 .npy file, as lists of floats."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:6] != b"\x93NUMPY":
        raise DemoError(f"{path} is not an .npy file")
    wide = data[6] >= 2
    length = struct.unpack_from("<I" if wide else "<H", data, 8)[0]
    start = (12 if wide else 10) + length
    header = ast.literal_eval(data[start - length : start].decode("latin1"))
    code = {"<f2": "e", "<f4": "f"}.get(header["descr"])
    if code is None or header["fortran_order"] or len(header["shape"]) != 2:
        raise DemoError(f"{path} must hold float16 or float32 rows, it holds {header}")
    rows, width = header["shape"]
    row = struct.Struct(f"<{width}{code}")
    if len(data) - start != rows * row.size:
        raise DemoError(f"{path} is incomplete")
    return [list(row.unpack_from(data, start + i * row.size)) for i in range(rows)]


class Server:
    def __init__(self, url, api_key=None):
        self.url = url.rstrip("/")
        self.headers = {"content-type": "application/json"}
        if api_key:
            self.headers["api-key"] = api_key

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self.headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["result"]
        except urllib.error.HTTPError as error:
            raise DemoError(f"{method} {path} answered {error.code}: {error.read().decode(errors='replace')[:300]}")
        except (OSError, ValueError, KeyError) as error:
            raise DemoError(f"{method} {self.url}{path} failed: {error}")

    def answers(self):
        try:
            with urllib.request.urlopen(self.url + "/readyz", timeout=2) as response:
                return response.status == 200
        except (OSError, ValueError):
            return False


class OwnServer:
    """A server on a free port whose folder disappears with it."""

    def __enter__(self):
        if not os.access(SERVER, os.X_OK):
            raise DemoError(f"no server runs and {os.path.relpath(SERVER)} is not built; `make build` makes it")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.folder = tempfile.mkdtemp(prefix="trendex-demo-")
        self.log = open(os.path.join(self.folder, "log"), "w+b")
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("QDRANT__")},
            "QDRANT__SERVICE__HOST": "127.0.0.1",
            "QDRANT__SERVICE__HTTP_PORT": str(port),
            "QDRANT__STORAGE__STORAGE_PATH": os.path.join(self.folder, "storage"),
            "QDRANT__STORAGE__SNAPSHOTS_PATH": os.path.join(self.folder, "snapshots"),
        }
        try:
            self.process = subprocess.Popen(
                [SERVER, "serve"], env=environment, cwd=self.folder, stdout=self.log, stderr=self.log
            )
        except OSError as error:
            self.clean_up()
            raise DemoError(f"the server does not start: {error}")
        server = Server(f"http://127.0.0.1:{port}")
        deadline = time.monotonic() + START_SECONDS
        while not server.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                tail = self.log.read().decode(errors="replace")[-1500:]
                self.__exit__()
                raise DemoError(f"the server did not become ready; its log ends with:\n{tail}")
            time.sleep(0.05)
        return server

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.clean_up()

    def clean_up(self):
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def load(server):
    with open(os.path.join(HERE, "trends.jsonl"), encoding="utf-8") as f:
        trends = [json.loads(line) for line in f]
    vectors = read_npy(os.path.join(HERE, "trends_f16.npy"))
    if len(trends) != len(vectors):
        raise DemoError(f"{len(trends)} trends but {len(vectors)} embeddings")
    if server.call("GET", f"/collections/{COLLECTION}/exists")["exists"]:
        server.call("DELETE", f"/collections/{COLLECTION}")
    server.call(
        "PUT",
        f"/collections/{COLLECTION}",
        {
            "vectors": {"size": len(vectors[0]), "distance": "Cosine"},
            "quantization_config": {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": True}},
        },
    )
    for key, kind in (("category", "keyword"), ("source", "keyword"), ("engagement_score", "integer"),
                      ("discovered_at", "datetime")):
        server.call(
            "PUT", f"/collections/{COLLECTION}/index?wait=true", {"field_name": key, "field_schema": kind}
        )
    started = time.monotonic()
    for first in range(0, len(trends), BATCH):
        points = [
            {"id": trend["id"], "vector": vector, "payload": {k: v for k, v in trend.items() if k != "id"}}
            for trend, vector in zip(trends[first : first + BATCH], vectors[first : first + BATCH])
        ]
        server.call("PUT", f"/collections/{COLLECTION}/points?wait=true", {"points": points})
    seconds = time.monotonic() - started
    count = server.call("POST", f"/collections/{COLLECTION}/points/count", {"exact": True})["count"]
    if count != len(trends):
        raise DemoError(f"{len(trends)} trends were stored but {count} are counted")
    print(f"Stored {count} trends with {len(vectors[0])}-dimensional embeddings in {seconds:.2f} s.")


def in_words(filter):
    """A filter as a short phrase for the table's heading."""
    if not filter:
        return "no filter"
    parts = []
    for clause, conditions in filter.items():
        for c in conditions:
            if "range" in c:
                signs = {"gte": "≥", "gt": ">", "lte": "≤", "lt": "<"}
                text = " and ".join(f"{c['key']} {signs[op]} {value}" for op, value in c["range"].items())
            else:
                value = c["match"].get("value", " or ".join(c["match"].get("any", [])))
                text = f"{c['key']} is {value}"
            parts.append(f"not ({text})" if clause == "must_not" else text)
    return ", ".join(parts)


def cut(text, width):
    return text if len(text) <= width else text[: width - 1] + "…"


def search(server):
    with open(os.path.join(HERE, "queries.json"), encoding="utf-8") as f:
        queries = json.load(f)
    vectors = read_npy(os.path.join(HERE, "queries_f16.npy"))
    if len(queries) != len(vectors):
        raise DemoError(f"{len(queries)} queries but {len(vectors)} embeddings")
    for query, vector in zip(queries, vectors):
        body = {"query": vector, "limit": HITS, "with_payload": True}
        if query["filter"]:
            body["filter"] = query["filter"]
        started = time.monotonic()
        hits = server.call("POST", f"/collections/{COLLECTION}/points/query", body)["points"]
        milliseconds = (time.monotonic() - started) * 1000
        if len(hits) != HITS:
            raise DemoError(f"“{query['text']}” found {len(hits)} trends instead of {HITS}")
        print(f"\n“{query['text']}”  ({in_words(query['filter'])}; {milliseconds:.1f} ms)")
        for hit in hits:
            p = hit["payload"]
            print(
                f"  {hit['score']:.3f}  {cut(p['title'], 50):<50}  {cut(p['category'], 16):<16}"
                f"  {p['source']:<13}  {p['engagement_score']:>6}  {p['discovered_at'][:10]}"
            )


def run(server):
    load(server)
    search(server)


def main():
    given = os.environ.get("TRENDEX_URL")
    server = Server(given or "http://localhost:6333", os.environ.get("TRENDEX_API_KEY"))
    if given or server.answers():
        if not server.answers():
            raise DemoError(f"nothing answers at {server.url} (TRENDEX_URL)")
        print(f"Using the server at {server.url}.")
        run(server)
        print(f"\nThe collection `{COLLECTION}` stays on {server.url}.")
        return
    print("No server answers on port 6333; starting one with a temporary folder.")
    with OwnServer() as own:
        run(own)
    print("\nDone; the temporary server and its data are gone. `make serve` starts one that stays.")


if __name__ == "__main__":
    try:
        main()
    except DemoError as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
