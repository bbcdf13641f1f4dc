"""One peer in a process of its own: builds, then runs a sweep for each line "pass" on standard input.

It prints {"event": "built", …} and {"event": "pass", …}, just as `trendex-bench search --serve-passes` does.
"""

import argparse
import ctypes
import json
import os
import resource
import sys
import time

import numpy as np

from .data import Judge, filter_cases
from .engines import CLASSES


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


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


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


def filtered_sweep(engine, cases, settings, count, k):
    answers = []
    for case in cases:
        points = []
        for setting in settings:
            engine.apply(setting, case["translated"])
            if not points:
                timed(engine, count)
            results, qps, micros = timed(engine, count)
            recall, fewest, short = case["judge"].recall(results, k)
            points.append({**point(setting, recall, qps, micros), "fewestResults": fewest, "shortQueries": short})
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
    wall, cpu = time.perf_counter(), cpu_seconds()
    engine.build(rows, **extra)
    build = {
        "seconds": round(time.perf_counter() - wall, 3),
        "cpuSeconds": round(cpu_seconds() - cpu, 3),
        "threads": options.threads,
    }
    del rows, extra
    resident = max(0, anonymous_bytes() - before)
    if options.pin is not None:
        pin(options.pin)
    engine.prepare_queries(queries, k)
    say(
        {
            "event": "built",
            "build": build,
            "residentBytesPerPoint": round(resident / len(base), 1),
            "mappedBytesPerPoint": round(engine.mapped_bytes / len(base), 1),
            "fileBytes": engine.save(),
        }
    )
    if options.data:
        for case in cases:
            case["translated"] = [translate(engine.qe, rest) for rest in case["filters"]]
        settings = [
            {"ef": ef, "oversampling": 2.0, "acorn": acorn}
            for acorn in (False, True)
            for ef in options.config["efs"]
        ]
        run = lambda: filtered_sweep(engine, cases, settings, count, k)  # noqa: E731
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
