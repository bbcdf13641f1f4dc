"""One peer in a process of its own: builds, then runs a sweep for each line "pass" on standard input.

It prints {"event": "built", …} and {"event": "pass", …}, just as `trendex-bench search --serve-passes` does.
"""

import argparse
import ctypes
import json
import os
import sys
import time

import numpy as np

from .curves import undominated
from .data import Judge, filter_cases
from .engines import CLASSES

# A filtered sweep goes to no larger pool once this much is found: it could only be slower.
ENOUGH = 0.995


def pin(core):
    """Binds all threads that the process has."""
    for thread in os.listdir("/proc/self/task"):
        try:
            os.sched_setaffinity(int(thread), {core})
        except ProcessLookupError:
            pass


def anonymous_bytes():
    """Resident memory that is no mapped file, after the allocator has given back what is free."""
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def say(message):
    print(json.dumps(message), flush=True)


def timed(engine, count):
    """One call a query. Returns the results, queries per second and latencies."""
    one, clock = engine.one, time.perf_counter_ns
    results, times = [None] * count, [0] * count
    last = start = clock()
    for query in range(count):
        results[query] = one(query)
        now = clock()
        times[query] = now - last
        last = now
    return results, count / ((last - start) / 1e9), np.array(times) / 1e3


def point(setting, recall, qps, micros):
    return {
        **setting,
        "recall": round(recall, 6),
        "qps": round(qps, 1),
        "p50Microseconds": round(float(np.percentile(micros, 50)), 2),
        "p99Microseconds": round(float(np.percentile(micros, 99)), 2),
    }


def speed(engine, count):
    """QPS at the pool size at which engines tune themselves: the second of two walks."""
    engine.apply(engine.settings()[0] | {"ef": 32})
    return round([timed(engine, count)[1] for _ in range(2)][1], 1)


def sweep(engine, judge, count, k):
    """One walk untimed, then each setting timed, by single calls and (where there is one) by a batch call."""
    points, batches = [], []
    settings = engine.settings()
    engine.apply(settings[0])
    timed(engine, count)
    for setting in settings:
        engine.apply(setting)
        results, qps, micros = timed(engine, count)
        points.append(point(setting, judge.recall(results, k)[0], qps, micros))
        start = time.perf_counter()
        results = engine.batch()
        seconds = time.perf_counter() - start
        if results is not None:
            batches.append({**setting, "recall": round(judge.recall(results, k)[0], 6), "qps": round(count / seconds, 1)})
    return {"points": points, "batch": batches}


class FilteredSweep:
    """All settings once, by rising ef until enough is found; later passes leave out what the first one saw beaten."""

    def __init__(self, engine, cases, efs, count, k):
        self.engine, self.cases, self.count, self.k = engine, cases, count, k
        self.ladders = [
            [{"ef": ef, "oversampling": oversampling, "acorn": acorn} for ef in efs]
            for acorn in (False, True)
            for oversampling in (1.0, 2.0)
        ]
        self.kept = {}

    def measure(self, case, setting):
        self.engine.apply(setting, case["translated"])
        results, qps, micros = timed(self.engine, self.count)
        recall, fewest, short = case["judge"].recall(results, self.k)
        return {**point(setting, recall, qps, micros), "fewestResults": fewest, "shortQueries": short}

    def first(self, case):
        self.measure(case, self.ladders[0][0])
        points = []
        for ladder in self.ladders:
            for setting in ladder:
                points.append(self.measure(case, setting))
                if points[-1]["recall"] >= ENOUGH:
                    break
        self.kept[case["name"]] = [
            {key: best[key] for key in ("ef", "oversampling", "acorn")} for best in undominated(points)
        ]
        return points

    def again(self, case):
        settings = self.kept[case["name"]]
        self.measure(case, settings[0])
        return [self.measure(case, setting) for setting in settings]

    def run(self):
        answers = []
        for case in self.cases:
            points = self.again(case) if case["name"] in self.kept else self.first(case)
            answers.append({key: case[key] for key in ("name", "kind", "selectivity")} | {"points": points})
        return {"filters": answers}


def translate(qe, rest):
    """A filter of Qdrant's REST syntax as the package's objects: match value/any, numeric and datetime ranges."""

    def condition(entry):
        if set(entry) == {"key", "match"}:
            match = entry["match"]
            if set(match) == {"value"}:
                return qe.FieldCondition(entry["key"], match=qe.MatchValue(match["value"]))
            if set(match) == {"any"}:
                return qe.FieldCondition(entry["key"], match=qe.MatchAny(match["any"]))
        if set(entry) == {"key", "range"}:
            bounds = entry["range"]
            kind = qe.RangeDateTime if any(isinstance(v, str) for v in bounds.values()) else qe.RangeFloat
            return qe.FieldCondition(entry["key"], range=kind(**bounds))
        raise SystemExit(f"condition {entry} is not supported by the benchmark")

    unknown = set(rest) - {"must", "should", "must_not"}
    if unknown:
        raise SystemExit(f"filter: {unknown} not supported by the benchmark")
    return qe.Filter(**{key: [condition(entry) for entry in entries] for key, entries in rest.items()})


def payload_indexes(cases):
    kinds = {}
    for case in cases:
        for entry in (e for entries in case["filters"][0].values() for e in entries):
            bounds = entry.get("range", {}).values()
            kinds[entry["key"]] = (
                "keyword" if not bounds else "datetime" if any(isinstance(v, str) for v in bounds) else "integer"
            )
    return list(kinds.items())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True, type=json.loads)
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--data", help="folder with filters: measure filtered searches")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pin", type=int)
    options = parser.parse_args()
    # What libraries print to standard output must not mix with the protocol.
    protocol = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(protocol, "w")

    base = np.load(f"{options.scratch}/base.npy", mmap_mode="r")
    queries = np.load(f"{options.scratch}/queries.npy")
    scores = np.load(f"{options.scratch}/scores.npy")
    count, k = len(queries), options.k
    folder = f"{options.scratch}/{os.getpid()}"
    os.makedirs(folder)
    engine = CLASSES[options.config["engine"]](options.config, folder, options.threads)
    extra = {}
    cases = []
    if options.data:
        cases = filter_cases(options.data, base, queries, k)
        payloads = [json.loads(line) for line in open(f"{options.data}/payload.jsonl")]
        extra = {"payloads": payloads, "indexes": payload_indexes(cases)}

    before = anonymous_bytes()
    rows = np.array(base)
    engine.build(rows, **extra)
    del rows, extra
    resident = max(0, anonymous_bytes() - before)
    if options.pin is not None:
        pin(options.pin)
    engine.prepare_queries(queries, k)
    built = {
        "event": "built",
        "build": engine.linking.json() | {"threads": options.threads},
        "residentBytesPerPoint": round(resident / len(base), 1),
        "mappedBytesPerPoint": round(engine.mapped_bytes / len(base), 1),
        "fileBytes": engine.save(),
    }
    if engine.ingesting.seconds:
        built["ingest"] = engine.ingesting.json()
    tuning = engine.tune(base, lambda: speed(engine, count))
    if tuning:
        built["tuning"] = tuning
    say(built)
    if options.data:
        for case in cases:
            case["translated"] = [translate(engine.qe, rest) for rest in case["filters"]]
        run = FilteredSweep(engine, cases, options.config["efs"], count, k).run
    else:
        judge = Judge(base, queries, scores[:, k - 1].astype(np.float64))
        run = lambda: sweep(engine, judge, count, k)  # noqa: E731
    for line in sys.stdin:
        if line.strip() == "pass":
            say({"event": "pass", **run()})
        elif line.strip() == "quit":
            break


if __name__ == "__main__":
    main()
