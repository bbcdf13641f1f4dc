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
from peerbench.engines import CONFIGS, EFS, FILTERED_CONFIGS

HERE = Path(__file__).resolve().parent
FILTER_EFS = [16, 32, 64, 128, 256, 512]
NOT_FLAGS = ("data", "bench", "server", "python310", "out", "name")
HTTP_CONNECTIONS = [1, 16, 64]


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
        command = [self.options.bench, "search", *self.vectors, "--search-threads", 1]
        if config.get("rescore") is False:
            command += ["--no-rescore"]
        if config.get("firstStage"):
            command += ["--first-stage", config["firstStage"]]
        return self.ours_with(config, command + list(extra))

    @property
    def vectors(self):
        paths = {"--base": "base", "--queries": "queries", "--truth-scores": "scores"}
        return [part for flag, name in paths.items() for part in (flag, self.scratch / f"{name}.npy")]

    def ours_with(self, config, command):
        """A command of ours with the flags that all of them share."""
        command = command + ["--k", self.options.k, "--build-threads", self.options.threads, "--serve-passes"] + self.pin
        if "m" in config:
            command += ["--m", config["m"], "--ef-construct", config["efc"]]
        if "simd" in config:
            command += ["--simd-level", config["simd"]]
        return [str(part) for part in command]

    @property
    def pin(self):
        return [] if self.options.pin is None else ["--pin", self.options.pin]

    def peer(self, config, extra=()):
        python = self.options.python310 if config.get("python") == "3.10" else sys.executable
        command = [
            python, "-m", "peerbench.worker", "--config", json.dumps(config), "--scratch", self.scratch,
            "--k", self.options.k, "--threads", self.options.threads,
        ]  # fmt: skip
        return [str(part) for part in command + self.pin + list(extra)]

    def start(self, config, command):
        name = f"{config['engine']}, {config['label']}"
        note(f"building {name}")
        try:
            if not os.access(command[0], os.X_OK):
                raise RuntimeError(f"{command[0]} is not there")
            worker = Worker(config, command, self.environment, self.options.patience)
        except RuntimeError as error:
            note(f"  not measured: {error}")
            self.failures.append({"engine": config["engine"], "label": config["label"], "reason": str(error)})
            return None
        note(f"  {worker.built['build']['seconds']:.1f} s")
        return worker

    def interleaved(self, workers, passes, cores=1):
        """Passes of all workers in turn, each round in another order. A worker keeps so many cores busy."""
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
            self.busy_cores.append(round((busy_seconds() - busy) / elapsed - (cores - 1), 2))

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
            runs.append(
                {
                    **worker.config,
                    **self.built(worker),
                    "points": merged([p["points"] for p in worker.passes]),
                    "batch": merged([p["batch"] for p in worker.passes]) if worker.passes[0].get("batch") else [],
                }
            )
        return runs

    def built(self, worker):
        built = {key: value for key, value in worker.built.items() if key != "event"}
        if "mappedBytes" in built:
            built["mappedBytesPerPoint"] = round(built["mappedBytes"] / self.shape["rows"], 1)
        return built

    def over_http(self):
        """Ours once more, through its server, which has the core of the searches to itself."""
        config = {"engine": report.OURS, "label": "HTTP", "m": 16, "efc": 100, "efs": self.options.ef}
        if not self.wanted(config) or self.options.no_http:
            return []
        command = [
            self.options.bench, "http", *self.vectors, "--server", self.options.server, "--ef", self.options.ef,
            "--connections", ",".join(map(str, HTTP_CONNECTIONS)), "--seconds", self.options.http_seconds,
        ]  # fmt: skip
        worker = self.start(config, self.ours_with(config, command))
        if not worker:
            return []
        self.interleaved([worker], min(self.options.passes, 3), cores=2)
        worker.quit()
        runs = []
        for place, count in enumerate(HTTP_CONNECTIONS if worker.passes else []):
            runs.append(
                {
                    **config,
                    **self.built(worker),
                    "label": f"HTTP, m 16, {count} connection" + "s" * (count > 1),
                    "modes": [f"http{count}"],
                    "points": merged([p["connections"][place]["points"] for p in worker.passes]),
                    "batch": [],
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
        data = Path(self.options.data).resolve()
        workers = []
        for config in filter(self.wanted, FILTERED_CONFIGS):
            config = {**config, "efs": FILTER_EFS, "core": self.options.pin}
            if config["engine"] == report.OURS:
                command = [self.options.bench, "filtered", "--data", data, "--ef", ",".join(map(str, [0] + FILTER_EFS))]
                if self.options.queries:
                    command += ["--query-count", self.options.queries]
                command = self.ours_with(config, command)
            else:
                command = self.peer(config, ["--data", data])
            workers.append(self.start(config, command))
        workers = [worker for worker in workers if worker]
        self.interleaved(workers, self.options.filtered_passes)
        result = {}
        for worker in workers:
            worker.quit()
            if not worker.passes:
                continue
            # Configurations of one engine are one curve for each filter; each point tells which one it is of.
            cases = result.setdefault(worker.config["engine"], {})
            for same in zip(*(p["filters"] for p in worker.passes)):
                case = cases.setdefault(same[0]["name"], {**same[0], "points": []})
                case["points"] += [{"m": worker.config["m"]} | p for p in merged([c["points"] for c in same])]
        return {engine: list(cases.values()) for engine, cases in result.items()}


def busy_seconds():
    """CPU seconds that all cores together have worked since the machine started."""
    user, nice, system, idle, iowait, irq, softirq, steal = map(int, open("/proc/stat").readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def cpu_field(name):
    return next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith(name)), "unknown")


def limits(runs):
    """Engines that can't run their best on this machine, and why: ratios to them are not to be quoted bare."""
    found = {}
    engines = {run["engine"] for run in runs}
    if "pyglass" in engines and "avx512f" in cpu_field("flags").split():
        found["pyglass"] = "its wheel is built for AVX2, while we run AVX-512 here (compare with ours on AVX2 kernels)"
    kinds = {run["kind"] for run in runs if run["engine"] == "scalable-vs"}
    if kinds and not any(kind.startswith(("lvq", "leanvec")) for kind in kinds):
        found["scalable-vs"] = "its LVQ and LeanVec refuse this CPU, so float16 vectors stand in for them"
    return found


def machine(bench):
    cpu = cpu_field("model name")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    level = subprocess.run([bench, "machine"], capture_output=True, text=True)
    known = json.loads(level.stdout) if level.returncode == 0 else {}
    return {"cpu": cpu, "cores": os.cpu_count(), "memoryBytes": memory, "kernel": platform.release()} | known


def pinned(file):
    """The versions that a requirements file names."""
    return dict(line.split("==") for line in (HERE / file).read_text().splitlines() if "==" in line)


def versions():
    from importlib.metadata import PackageNotFoundError, version

    found = {"glassppy": pinned("requirements-3.10.txt")["glassppy"]}
    for name in pinned("requirements.txt"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="data folder or ann-benchmarks HDF5 file")
    parser.add_argument("--bench", default=str(HERE.parent / ".build/release/trendex-bench"))
    parser.add_argument("--server", default=str(HERE.parent / ".build/release/trendex"))
    parser.add_argument(
        "--python310", default=str(HERE.parent / ".venv/bench-3.10/bin/python"), help="Python with requirements-3.10.txt"
    )
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
    parser.add_argument("--no-http", action="store_true")
    parser.add_argument("--http-seconds", type=float, default=0.5, help="of load for each setting over HTTP")
    parser.add_argument("--patience", type=int, default=1800, help="seconds for a build or a pass")
    parser.add_argument("--seed", type=int, default=42, help="of the order of passes")
    options = parser.parse_args()
    options.bench = str(Path(options.bench).resolve())
    options.server = str(Path(options.server).resolve())
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
        "flags": {k: v for k, v in vars(options).items() if k not in NOT_FLAGS},
        "seed": options.seed,
        "versions": versions() | {"python": platform.python_version()},
        "truthCheck": run.truth_check(),
        "runs": run.unfiltered() + run.over_http(),
    }
    result["limits"] = limits(result["runs"])
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
