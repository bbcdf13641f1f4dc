#!/usr/bin/env python3
"""Measures how Trendex grows: cost of a query, memory, files, build and start-up at several numbers of points."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from peerbench import larger
from peerbench.curves import qps_at
from peerbench.data import load
from peerbench.report import number, table
from peers import HERE, machine, note

TARGETS = (0.95, 0.98)
#: The width at which the scores of a query are told besides.
FIXED_EF = 64
EFS = [16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768]


class Growth:
    def __init__(self, options):
        self.options = options
        self.cache = Path(options.cache) / f"{Path(options.data).resolve().stem}-{options.seed}"
        self.cache.mkdir(parents=True, exist_ok=True)
        self.rows, self.queries = load(options.data, None, options.queries)
        np.save(self.cache / "queries.npy", self.queries)

    def path(self, name):
        return self.cache / f"{name}.npy"

    def kept(self, name, make):
        """A file of the cache; made under another name, so that a broken run leaves no half of it."""
        path = self.path(name)
        if not path.exists():
            half = self.path(f"half-{name}")
            make(half)
            os.replace(half, path)
        return path

    def described(self, name, path):
        """Truth and description of a set of vectors."""
        scores = np.load(self.kept(f"{name}-scores-{len(self.queries)}", lambda half: self.truth(path, half)))
        return larger.describe(path, scores, self.options.seed)

    def truth(self, path, half):
        note(f"  exact neighbours of {len(self.queries)} queries in {path.stem}")
        ids, scores = larger.exact(path, self.queries, 10)
        np.save(self.path(f"{path.stem}-ids-{len(self.queries)}"), ids)
        np.save(half, scores)

    def make(self, count):
        if not self.path(f"grown-{count}").exists():
            note(f"making {count:,} rows")
            neighbours = np.load(self.kept("neighbours", lambda half: np.save(half, larger.nearest(self.rows, larger.NEIGHBOURS))))
            self.kept(f"grown-{count}", lambda half: larger.make(self.rows, neighbours, count, self.options.seed, half, note))
        return self.path(f"grown-{count}")

    def bench(self, command, path, *more):
        with tempfile.NamedTemporaryFile(suffix=".json") as out:
            arguments = [
                self.options.bench, command, "--base", path, "--queries", self.path("queries"), "--truth-scores",
                self.path(f"{path.stem}-scores-{len(self.queries)}"), "--build-threads", self.options.threads,
                "--json", out.name, *more,
            ]  # fmt: skip
            # A subprocess's progress is ours.
            done = subprocess.run([str(part) for part in arguments], stdout=subprocess.DEVNULL)
            if done.returncode:
                sys.exit(f"trendex-bench {command} failed at {path.stem}")
            return json.loads(Path(out.name).read_text())

    def measure(self, count):
        path = self.make(count)
        described = self.described(path.stem, path)
        note(f"measuring {count:,} rows")
        efs = ",".join(map(str, EFS))
        index = self.bench("search", path, "--ef", efs, "--passes", self.options.passes, "--pin", self.options.pin)
        at = {target: qps_at(index["points"], target) for target in TARGETS}
        # Interpolated as QPS are: fewer scores are better as more queries a second are.
        scores = [point | {"qps": 1 / point["scored"]} for point in index["points"]]
        scored = {target: qps_at(scores, target) for target in TARGETS}
        result = {
            "rows": count,
            "microsecondsAtRecall": {f"{t:.2f}": round(1e6 / qps, 2) if qps else None for t, qps in at.items()},
            "scoredAtRecall": {f"{t:.2f}": round(1 / share) if share else None for t, share in scored.items()},
            "residentBytesPerPoint": index["residentBytesPerPoint"],
            "indexFileBytes": index["fileBytes"],
            "linkCPUSeconds": index["build"]["cpuSeconds"],
            "linkSeconds": index["build"]["seconds"],
            "data": described,
            "points": index["points"],
        }
        if not self.options.no_server:
            server = self.bench("http", path, "--server", self.options.server, "--passes", 1, "--seconds", 2)
            result["server"] = {
                "startSeconds": server["startSeconds"],
                "residentBytesPerPoint": server["residentBytesPerPoint"],
                "mappedBytes": server["mappedBytes"],
                "fileBytes": server["fileBytes"],
                "buildCPUSeconds": server["build"]["cpuSeconds"],
                "defaultEf": server["passes"][-1][0]["points"][0],
            }
        return result


def markdown(result):
    system, flags = result["machine"], result["flags"]
    rows = []
    for size in result["sizes"]:
        server = size.get("server")
        rows.append(
            [f"{size['rows']:,}"]
            + ["–" if v is None else f"{v:.1f}" for v in size["microsecondsAtRecall"].values()]
            + [number(v) for v in size["scoredAtRecall"].values()]
            + [number(next((p["scored"] for p in size["points"] if p["ef"] == FIXED_EF), None))]
            + [number(size["residentBytesPerPoint"]), f"{size['indexFileBytes'] / 1e6:,.1f}", f"{size['linkCPUSeconds']:,.1f}"]
            + [f"{1e6 * size['linkCPUSeconds'] / size['rows']:.0f}"]
            + ([f"{server['startSeconds'] * 1e3:,.0f}", f"{server['fileBytes'] / 1e6:,.0f}"] if server else ["–", "–"])
        )
    header = ["points"] + [f"µs a query at {t:.2f}" for t in TARGETS]
    header += [f"scores at {t:.2f}" for t in TARGETS] + [f"scores at ef {FIXED_EF}"]
    header += ["B/point", "index file MB", "link CPU s", "link CPU µs/point", "start ms", "storage MB"]
    kinds = ["firstNeighbour", "tenthNeighbour", "queryFirst", "queryTenth"]
    similarities = []
    for name, data in [("real", result["real"])] + [("made", size["data"]) for size in result["sizes"]]:
        similarities.append(
            [f"{name}, {data['rows']:,}"]
            + [f"{share:.3f}" for share in data["varianceShare"].values()]
            + [f"{data[kind]['p10']:.2f} {data[kind]['p50']:.2f} {data[kind]['p90']:.2f}" for kind in kinds]
        )
    shares = [f"variance in {count}" for count in result["real"]["varianceShare"]]
    return "\n\n".join(
        [
            f"# Growth: {result['name']}",
            f"{system['cpu']}, {system['cores']} cores, kernels {system.get('simdLevel', '?')}; {flags['queries']} queries, "
            f"k = 10, one core; medians of {flags['passes']} passes; seed {flags['seed']}.",
            table(header, rows),
            "*start*: from the start of the server's process, derived files there, to its first answer.",
            "## The made sets",
            "Mixtures of real rows (`peerbench/larger.py`). Share of the variance in the first principal components, and the "
            "similarity of a row's and of a query's first and tenth neighbour (deciles 1, 5 and 9).",
            table(["rows"] + shares + ["row's 1st", "row's 10th", "query's 1st", "query's 10th"], similarities),
        ]
    ) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="data folder or ann-benchmarks HDF5 file")
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--bench", default=str(HERE.parent / ".build/release/trendex-bench"))
    parser.add_argument("--server", default=str(HERE.parent / ".build/release/trendex"))
    parser.add_argument("--no-server", action="store_true", help="leaves start-up and storage out")
    parser.add_argument("--cache", default=str(HERE.parent / ".build/growth"), help="folder for the made sets")
    parser.add_argument("--out", default=str(HERE / "results"), help="folder for <name>.json, .md and the plots")
    parser.add_argument("--name", help="name of the results (default: growth-<data>)")
    parser.add_argument("--queries", type=int, help="only so many queries")
    parser.add_argument("--threads", type=int, default=2, help="of a build")
    parser.add_argument("--pin", type=int, default=max(os.sched_getaffinity(0)), help="core of the searches")
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--seed", type=int, default=42, help="of the made sets")
    options = parser.parse_args()
    options.bench, options.server = (str(Path(path).resolve()) for path in (options.bench, options.server))
    sizes = [int(size) for size in options.sizes.split(",")]

    growth = Growth(options)
    name = Path(options.data).resolve().stem
    real = growth.kept("real", lambda half: np.save(half, growth.rows.astype(np.float16)))
    result = {
        "name": name,
        "machine": machine(options.bench),
        "flags": {"sizes": sizes, "queries": len(growth.queries), **{k: getattr(options, k) for k in ("threads", "pin", "passes", "seed")}},
        "real": growth.described("real", real),
        "sizes": [growth.measure(size) for size in sizes],
    }
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    stem = out / (options.name or f"growth-{name}")
    Path(f"{stem}.json").write_text(json.dumps(result, indent=1) + "\n")
    text = markdown(result)
    Path(f"{stem}.md").write_text(text)
    print(text)
    from plot import plot_growth, style

    style()
    for path in plot_growth(result, str(stem)):
        note(f"written: {path}")


if __name__ == "__main__":
    main()
