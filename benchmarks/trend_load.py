#!/usr/bin/env python3
"""The trend API under load: 1,000 connections of mixed use, with ingest beside them.

usage: trend_load.py --server BINARY [--trends 50000] [--seconds 20] [--rates 250,500,…] [--json FILE] [--table FILE] [--plot FILE]

600 connections read (listings with filters, single trends, statistics, observations, ideas), 400 search (by vector, by likeness and,
through the lexical embedder, by words), and 1,000 new trends a second come in with embeddings, in batches of 50. Each connection pauses
between its requests, exponentially, so that all together send so many a second as a rate says; latencies are without the pauses,
measured by wrk (Debian's package). Everything runs on this machine: the load takes its part of the cores.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from server import Connection, Server, encode

SIZE = 768
READERS, SEARCHERS = 600, 400
BATCH, INGEST_RATE = 50, 1_000
TARGET = 20
HERE = Path(__file__).parent
SOURCES = ["reddit", "google_trends", "telegram", "vk", "youtube", "instagram"]


def words(count, seed):
    pick = random.Random(seed)
    syllables = [c + v for c in "bdfgklmnprstv" for v in "aeiou"]
    return ["".join(pick.choices(syllables, k=pick.randint(2, 4))) for _ in range(count)]


WORDS = words(8_000, 1)


class Trends:
    """New trends of clusters, none of which repeats another."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.pick = random.Random(seed)
        self.centers = np.random.default_rng(1).standard_normal((500, SIZE), np.float32)
        self.seed, self.count = seed, 0

    def vectors(self, count):
        picked = self.centers[self.rng.integers(0, len(self.centers), count)]
        return picked + self.rng.standard_normal((count, SIZE), np.float32) * 0.7

    def batch(self, count):
        rows = []
        for vector in self.vectors(count):
            self.count += 1
            rows.append(
                {
                    "title": f"{' '.join(self.pick.choices(WORDS, k=5))} {self.seed}-{self.count}",
                    "description": " ".join(self.pick.choices(WORDS, k=20)),
                    "url": f"https://example.org/{self.seed}/{self.count}",
                    "source": self.pick.choice(SOURCES),
                    "category": f"category-{int(self.pick.paretovariate(0.7)) % 40}",
                    "tags": self.pick.sample(WORDS[:300], 3),
                    "engagement_score": round(self.pick.lognormvariate(3, 1), 1),
                    "embedding": vector,
                }
            )
        return encode({"trends": rows})


def fill(port, count):
    connection, trends, ids = Connection(port), Trends(7), []
    # The embedder's vector comes first, so that searches by words are answered; all others are taken for its own then.
    first = encode({"title": "the first", "source": "vk"})
    connection.http.request("POST", "/api/v1/trends", first, {"content-type": "application/json"})
    assert connection.http.getresponse().read()
    while json.loads(connection.call("GET", "/api/v1/trends/stats"))["data"]["needing_embeddings"] > 0:
        time.sleep(0.1)
    for _ in range(0, count, 500):
        connection.http.request("POST", "/api/v1/trends/batch", trends.batch(500), {"content-type": "application/json"})
        answer = connection.http.getresponse()
        data = json.loads(answer.read())
        assert answer.status == 201 or answer.status == 200, data
        ids += [entry["id"] for entry in data["data"]["created"]]
    pick = random.Random(3)
    scores = ["market_size", "competition", "demand", "monetization", "feasibility", "time_to_market"]
    for id in pick.sample(ids, min(2_000, len(ids))):
        body = {"trend_id": id, "title": " ".join(pick.choices(WORDS, k=4)), **{s: pick.randint(0, 100) for s in scores}}
        connection.http.request("POST", "/api/v1/ideas", encode(body), {"content-type": "application/json"})
        answer = connection.http.getresponse()
        data = answer.read()
        assert answer.status == 201, data
    deadline = time.monotonic() + 900
    while json.loads(connection.call("GET", "/collections/trends"))["result"]["status"] != "green":
        assert time.monotonic() < deadline, "not linked in time"
        time.sleep(0.5)
    return ids


def reads(ids, pick, count=4_000):
    kinds = [
        lambda: "/api/v1/trends?limit=20",
        lambda: f"/api/v1/trends?limit=20&source={pick.choice(SOURCES)}",
        lambda: f"/api/v1/trends?limit=20&category=category-{pick.randint(1, 5)}&order_by=engagement_score",
        lambda: f"/api/v1/trends/{pick.choice(ids)}",
        lambda: f"/api/v1/trends/{pick.choice(ids)}",
        lambda: f"/api/v1/trends/{pick.choice(ids)}/observations",
        lambda: "/api/v1/trends/stats",
        lambda: "/api/v1/trends/categories/trending?days=7",
        lambda: "/api/v1/ideas?limit=20&min_score=50",
        lambda: "/api/v1/ideas/top?limit=10",
    ]
    return [f"GET\t{pick.choice(kinds)()}" for _ in range(count)]


def searches(ids, pick, count=2_000):
    vectors = Trends(11).vectors(200)

    def by_vector():
        body = {"vector": vectors[pick.randrange(200)], "limit": 10}
        if pick.random() < 0.5:
            body["source"] = pick.choice(SOURCES)
        return f"POST\t/api/v1/trends/search\t{encode(body).decode()}"

    kinds = [
        by_vector,
        by_vector,
        lambda: f'POST\t/api/v1/trends/search\t{{"like":"{pick.choice(ids)}","limit":10}}',
        lambda: f"GET\t/api/v1/trends/search?q={'+'.join(pick.choices(WORDS, k=3))}&limit=10",
    ]
    return [pick.choice(kinds)() for _ in range(count)]


def wrk(port, file, connections, rate, seconds, seed):
    pause = 1_000 * connections / rate
    return subprocess.Popen(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(HERE / "trend_load.lua")]
        + [f"http://127.0.0.1:{port}", "--", str(file), str(pause), str(seed)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def result(process):
    output, _ = process.communicate()
    line = next(line for line in output.splitlines() if line.startswith("RESULT "))
    return json.loads(line[7:])


class Ingest(threading.Thread):
    """Sends batches at a steady rate; one that comes late is sent at once."""

    def __init__(self, port, bodies):
        super().__init__()
        self.connection, self.bodies, self.latencies = Connection(port), bodies, []

    def run(self):
        start = time.perf_counter()
        for place, body in enumerate(self.bodies):
            due = start + place * BATCH / INGEST_RATE
            time.sleep(max(0, due - time.perf_counter()))
            self.connection.http.request("POST", "/api/v1/trends/batch", body, {"content-type": "application/json"})
            answer = self.connection.http.getresponse()
            data = answer.read()
            assert answer.status in (200, 201), data[:300]
            # From when it was due: what waits for an earlier one counts.
            self.latencies.append(1e3 * (time.perf_counter() - due))
        self.rate = len(self.bodies) * BATCH / (time.perf_counter() - start)

    def told(self):
        return {
            "rate": round(self.rate), **{f"p{p}": round(float(np.percentile(self.latencies, p)), 2) for p in (50, 95, 99)}
        }  # fmt: skip


def measure(server, ids, options):
    pick = random.Random(5)
    results = []
    with tempfile.TemporaryDirectory() as folder:
        files = {"reads": Path(folder) / "reads", "searches": Path(folder) / "searches"}
        files["reads"].write_text("\n".join(reads(ids, pick)) + "\n")
        files["searches"].write_text("\n".join(searches(ids, pick)) + "\n")
        for place, rate in enumerate(options.rates):
            trends = Trends(1_000 + place)
            bodies = [trends.batch(BATCH) for _ in range(options.seconds * INGEST_RATE // BATCH)]
            ingest = Ingest(server.port, bodies)
            share = READERS / (READERS + SEARCHERS)
            processes = {
                "reads": wrk(server.port, files["reads"], READERS, rate * share, options.seconds, place),
                "searches": wrk(server.port, files["searches"], SEARCHERS, rate * (1 - share), options.seconds, place),
            }
            ingest.start()
            told = {name: result(process) for name, process in processes.items()}
            ingest.join()
            told = {"asked": rate, **told, "ingest": ingest.told()}
            told["reached"] = round(sum(told[n]["requests"] / told[n]["seconds"] for n in ("reads", "searches")))
            results.append(told)
            print(json.dumps(told), flush=True)
    return results


def table(run):
    lines = [
        "# The trend API under load",
        "",
        f"{run['machine']}, {run['date']}; {run['trends']:,} trends, {READERS} connections that read and {SEARCHERS} that search, "
        f"{INGEST_RATE:,} new trends a second with embeddings beside them, {run['seconds']} s each, the load on the same cores. "
        "Milliseconds. `make bench-load` makes this page; benchmarks/trend_load.py tells what is asked.",
        "",
        "| requests a second asked | reached | reads p50 | p95 | p99 | searches p50 | p95 | p99 | ingest a second | batch p95 | failed |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in run["results"]:
        r, s, i = row["reads"], row["searches"], row["ingest"]
        failed = r["failed"] + s["failed"] + r["timeouts"] + s["timeouts"]
        cells = [row["asked"], row["reached"]]
        cells += [f"{part[p]:.1f}" for part in (r, s) for p in ("p50", "p95", "p99")]
        lines.append(f"| {' | '.join(map(str, cells + [i['rate'], i['p95'], failed]))} |")
    return "\n".join(lines) + "\n"


def draw(run, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 4.5))
    asked = [row["asked"] for row in run["results"]]
    for name, label, colour in (("reads", "reads", "#1c5d99"), ("searches", "searches", "#d9480f")):
        for percentile, line in (("p50", ":"), ("p95", "-"), ("p99", "--")):
            values = [row[name][percentile] for row in run["results"]]
            axes.plot(asked, values, line, color=colour, marker="o", markersize=3, label=f"{label}, {percentile}")
    axes.axhline(TARGET, color="#868e96", linewidth=1)
    axes.annotate(f"{TARGET} ms", (asked[0], TARGET), textcoords="offset points", xytext=(0, 4), color="#495057")
    axes.set(yscale="log", xlabel="requests a second asked", ylabel="milliseconds")
    axes.set_title(f"1,000 connections, {INGEST_RATE:,} new trends a second beside them", loc="left", fontsize=11)
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", which="both", alpha=0.2)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    return f"{os.cpu_count()} cores of {model or platform.machine()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", required=True)
    parser.add_argument("--trends", type=int, default=50_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rates", type=lambda text: [int(r) for r in text.split(",")], default=[250, 500, 1_000, 1_500, 2_000])
    parser.add_argument("--json")
    parser.add_argument("--table")
    parser.add_argument("--plot")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        with Server(options.server, folder, TRENDEX__EMBEDDER__MODEL="lexical") as server:
            ids = fill(server.port, options.trends)
            results = measure(server, ids, options)
    run = {
        "machine": machine(), "date": time.strftime("%Y-%m-%d"), "trends": options.trends, "seconds": options.seconds,
        "results": results,
    }  # fmt: skip
    if options.json:
        Path(options.json).write_text(json.dumps(run, indent=1) + "\n")
    if options.table:
        Path(options.table).write_text(table(run))
    if options.plot:
        draw(run, options.plot)


if __name__ == "__main__":
    main()
