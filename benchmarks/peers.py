#!/usr/bin/env python3
"""Measures Trendex and its peers on the same vectors, queries and core, pass by pass in turn."""

import argparse
import json
import os
import platform
import random
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path


from peerbench import data as datasets
from peerbench import report
from peerbench.curves import merged
from peerbench.engines import CONFIGS, EFS

HERE = Path(__file__).resolve().parent
FILTER_EFS = [16, 32, 64, 128, 256, 512]


def note(text):
    print(text, file=sys.stderr, flush=True)


class Worker:
    """A process that has built its index and waits for "pass" lines."""

    alive = []

    def __init__(self, config, command, environment, patience):
        self.config, self.patience = config, patience
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment, cwd=HERE
        )
        Worker.alive.append(self)
        self.built = self.read()
        self.passes = []
        self.failed = False

    def read(self):
        if not select.select([self.process.stdout], [], [], self.patience)[0]:
            self.process.kill()
            raise RuntimeError(f"no answer after {self.patience} s")
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.log.seek(0)
            tail = [text.strip() for text in self.log.read().splitlines() if text.strip()]
            raise RuntimeError((tail or [f"ended with status {self.process.returncode}"])[-1][:300])
        return json.loads(line)

    def run_pass(self):
        self.process.stdin.write("pass\n")
        self.process.stdin.flush()
        self.passes.append(self.read())

    def quit(self):
        try:
            self.process.stdin.write("quit\n")
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait(timeout=120)
        self.log.close()
        Worker.alive.remove(self)

    @classmethod
    def kill_all(cls):
        for worker in cls.alive:
            worker.process.kill()
            worker.process.wait()


class Run:
    def __init__(self, options, scratch):
        self.options, self.scratch = options, scratch
        self.environment = os.environ | {
            "OMP_NUM_THREADS": str(options.threads),
            # Threads of an engine that waits for its turn must not spin on the core that is measured.
            "OMP_WAIT_POLICY": "PASSIVE",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self.failures = []
        # Cores of the whole machine that were busy while passes ran. One is ours; more is somebody else's work.
        self.busy_cores = []

    def ours(self, config, extra=()):
        command = [
            self.options.bench, "search", "--base", self.scratch / "base.npy", "--queries", self.scratch / "queries.npy",
            "--truth-scores", self.scratch / "scores.npy", "--k", self.options.k,
            "--build-threads", self.options.threads, "--search-threads", 1, "--serve-passes",
        ]  # fmt: skip
        if "m" in config:
            command += ["--m", config["m"], "--ef-construct", config["efc"]]
        if config.get("rescore") is False:
            command += ["--no-rescore"]
        return [str(part) for part in command + self.pin + list(extra)]

    @property
    def pin(self):
        return [] if self.options.pin is None else ["--pin", self.options.pin]

    def peer(self, config, extra=()):
        command = [
            sys.executable, "-m", "peerbench.worker", "--config", json.dumps(config), "--scratch", self.scratch,
            "--k", self.options.k, "--threads", self.options.threads,
        ]  # fmt: skip
        return [str(part) for part in command + self.pin + list(extra)]

    def start(self, config, command):
        name = f"{config['engine']}, {config['label']}"
        note(f"building {name}")
        try:
            worker = Worker(config, command, self.environment, self.options.patience)
        except RuntimeError as error:
            note(f"  not measured: {error}")
            self.failures.append({"engine": config["engine"], "label": config["label"], "reason": str(error)})
            return None
        note(f"  {worker.built['build']['seconds']:.1f} s")
        return worker

    def interleaved(self, workers, passes):
        """Passes of all workers in turn, each round in another order."""
        shuffled = random.Random(self.options.seed)
        clock, busy = time.monotonic(), busy_seconds()
        for number in range(passes):
            order = workers[:]
            shuffled.shuffle(order)
            for worker in order:
                if worker.failed:
                    continue
                note(f"pass {number + 1} of {passes}: {worker.config['engine']}, {worker.config['label']}")
                try:
                    worker.run_pass()
                except (RuntimeError, BrokenPipeError) as error:
                    note(f"  failed: {error}")
                    worker.failed = True
                    self.failures.append({**{k: worker.config[k] for k in ("engine", "label")}, "reason": str(error)})
        elapsed = time.monotonic() - clock
        if elapsed > 0:
            self.busy_cores.append(round((busy_seconds() - busy) / elapsed, 2))

    def wanted(self, config):
        return not self.options.engines or config["engine"] in self.options.engines

    def unfiltered(self):
        workers = []
        efs = [int(ef) for ef in self.options.ef.split(",")]
        for config in filter(self.wanted, CONFIGS):
            config = {**config, "efs": efs, "core": self.options.pin}
            if config["engine"] == report.OURS:
                command = self.ours(config, ["--ef", self.options.ef])
            else:
                command = self.peer(config)
            worker = self.start(config, command)
            if worker:
                workers.append(worker)
        self.interleaved(workers, self.options.passes)
        runs = []
        for worker in workers:
            worker.quit()
            if not worker.passes:
                continue
            built = {key: value for key, value in worker.built.items() if key != "event"}
            if worker.config["engine"] == report.OURS:
                built["mappedBytesPerPoint"] = round(built.get("mappedBytes", 0) / self.shape["rows"], 1)
            runs.append(
                {
                    **worker.config,
                    **built,
                    "points": merged([p["points"] for p in worker.passes]),
                    "batch": merged([p["batch"] for p in worker.passes]) if worker.passes[0].get("batch") else [],
                }
            )
        return runs

    def truth_check(self):
        """Recall of exact searches: Faiss's and our own must find what the truth says."""
        check = {}
        pairs = [
            ("Faiss", self.peer({"engine": "faiss-exact", "label": "exact"})),
            ("Trendex", self.ours({}, ["--m", 0, "--exact"])),
        ]
        for name, command in pairs:
            worker = self.start({"engine": name, "label": "exact"}, command)
            if worker:
                worker.run_pass()
                worker.quit()
                check[name] = worker.passes[0]["points"][0]["recall"]
        return check

    def filtered(self):
        efs = ",".join(map(str, FILTER_EFS))
        ours = [
            self.options.bench, "filtered", "--data", Path(self.options.data).resolve(), "--k", self.options.k, "--ef", efs,
            "--build-threads", self.options.threads, "--serve-passes",
        ]  # fmt: skip
        if self.options.queries:
            ours += ["--query-count", self.options.queries]
        edge = {"engine": "qdrant-edge", "label": "int8, m 16, oversampling 2", "m": 16, "efc": 100, "efs": FILTER_EFS,
                "core": self.options.pin}  # fmt: skip
        workers = [
            self.start({"engine": report.OURS, "label": "engine"}, [str(part) for part in ours + self.pin]),
            self.start(edge, self.peer(edge, ["--data", Path(self.options.data).resolve()])),
        ]
        workers = [worker for worker in workers if worker]
        self.interleaved(workers, self.options.filtered_passes)
        result = {}
        for worker in workers:
            worker.quit()
            if not worker.passes:
                continue
            cases = []
            for same in zip(*(p["filters"] for p in worker.passes)):
                cases.append({**same[0], "points": merged([case["points"] for case in same])})
            result[worker.config["engine"]] = cases
        return result


def busy_seconds():
    """CPU seconds that all cores together have worked since the machine started."""
    user, nice, system, idle, iowait, irq, softirq, steal = map(int, open("/proc/stat").readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def machine(bench):
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    level = subprocess.run([bench, "machine"], capture_output=True, text=True)
    known = json.loads(level.stdout) if level.returncode == 0 else {}
    return {"cpu": cpu, "cores": os.cpu_count(), "memoryBytes": memory, "kernel": platform.release()} | known


def versions():
    from importlib.metadata import PackageNotFoundError, version

    names = [line.split("==")[0] for line in (HERE / "requirements.txt").read_text().splitlines() if "==" in line]
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="data folder or ann-benchmarks HDF5 file")
    parser.add_argument("--bench", default=str(HERE.parent / ".build/release/trendex-bench"))
    parser.add_argument("--out", default=str(HERE / "results"), help="folder for <name>.json, .md and the plots")
    parser.add_argument("--name", help="name of the results (default: peers-<data>)")
    parser.add_argument("--engines", nargs="*", help="only these, such as: trendex hnswlib")
    parser.add_argument("--ef", default=",".join(map(str, EFS)), help="candidate pool sizes")
    parser.add_argument("--rows", type=int, help="only so many rows (no filtered part then)")
    parser.add_argument("--queries", type=int, help="only so many queries")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2, help="of a build")
    parser.add_argument("--pin", type=int, default=max(os.sched_getaffinity(0)), help="core of the searches")
    parser.add_argument("--passes", type=int, default=7)
    parser.add_argument("--filtered-passes", type=int, default=3)
    parser.add_argument("--no-filtered", action="store_true")
    parser.add_argument("--patience", type=int, default=1800, help="seconds for a build or a pass")
    parser.add_argument("--seed", type=int, default=42, help="of the order of passes")
    options = parser.parse_args()
    options.bench = str(Path(options.bench).resolve())
    if not os.access(options.bench, os.X_OK):
        sys.exit(f"{options.bench}: is not there; run `make build`")

    with tempfile.TemporaryDirectory(prefix="trendex-peers-") as folder:
        try:
            result = measure(options, Path(folder))
        finally:
            Worker.kill_all()
    write(result, options)


def measure(options, scratch):
    run = Run(options, scratch)
    note("preparing the data")
    run.shape = datasets.prepare(options.data, run.scratch, options.k, options.rows, options.queries)
    name = Path(options.data).resolve().stem
    result = {
        "dataset": {"name": name, **run.shape},
        "machine": machine(options.bench),
        "flags": {k: v for k, v in vars(options).items() if k not in ("data", "bench", "out", "name")},
        "seed": options.seed,
        "versions": versions() | {"python": platform.python_version()},
        "truthCheck": run.truth_check(),
        "runs": run.unfiltered(),
    }
    if Path(options.data, "filters.json").exists() and not options.rows and not options.no_filtered:
        result["filtered"] = run.filtered()
    result["failures"] = run.failures
    result["busyCores"] = max(run.busy_cores, default=0)
    return result


def write(result, options):
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    stem = options.name or f"peers-{result['dataset']['name']}"
    (out / f"{stem}.json").write_text(json.dumps(result, indent=1) + "\n")
    text = report.markdown(result)
    (out / f"{stem}.md").write_text(text)
    print(text)
    from plot import plot_all

    for path in plot_all(result, out / stem):
        note(f"written: {path}")


if __name__ == "__main__":
    main()
