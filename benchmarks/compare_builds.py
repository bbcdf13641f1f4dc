#!/usr/bin/env python3
"""Measures two builds of Trendex in turn by `trendex-bench run`, and joins medians of all rounds in one table.

usage: compare_builds.py OLD NEW OUT.md [--rounds N] [-- FLAGS of `trendex-bench run`…]

OLD and NEW are folders with `trendex` and `trendex-bench`. The second build comes first in every other round. Machines that
others share differ by a tenth and more from one minute to the next: a ratio means something with five rounds and more.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path


def figures(report):
    """Name, value and whether more is better, of all that is compared."""
    index, engine, http = report["index"], report["engine"], report["http"]
    yield "build of the index, CPU s", index["build"]["cpuSeconds"], False
    yield "resident bytes a point, index", index["residentBytesPerPoint"], False
    yield "index loaded, ms", index["loadSeconds"] * 1000, False
    for point in index["points"]:
        yield f"index, ef {point['ef']}: recall", point["recall"], True
        yield f"index, ef {point['ef']}: QPS", point["qps"], True
    for exact in index["exact"]:
        yield "index, exact search: QPS", exact["qps"], True
    yield "engine, upserts by one writer: points/s", engine["upsert"]["pointsPerSecond"], True
    yield "engine, until all is indexed: CPU s", engine["upsert"]["cpuSecondsUntilGreen"], False
    yield "engine, anonymous MB", engine["anonymousBytes"] / 1e6, False
    yield "engine, file MB", engine["fileBytes"] / 1e6, False
    yield "engine, open and first search, ms", engine["openSeconds"] * 1000, False
    for point in engine["points"]:
        yield f"engine, ef {point['ef'] or 'default'}: QPS", point["qps"], True
    for filtered in engine["filtered"]:
        for point in filtered["points"]:
            yield f"engine, filter {filtered['name']}: QPS", point["qps"], True
    yield "server, start, ms", http["startSeconds"] * 1000, False
    yield "server, anonymous MB", http["anonymousBytes"] / 1e6, False
    for search in http["searches"]:
        name = f"HTTP, {search['connections']} connections"
        yield f"{name}: searches/s", search["qps"], True
        yield f"{name}: p50 µs", search["p50Microseconds"], False
        yield f"{name}: server's CPU µs", search["serverCPUMicroseconds"], False
    for upsert in http["upserts"]:
        yield f"HTTP, upserts, {upsert['connections']} connections: points/s", upsert["pointsPerSecond"], True


def shown(value):
    return f"{value:,.4f}" if value < 2 else f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = sys.argv[1:]
    end = given.index("--") if "--" in given else len(given)
    arguments, flags = parser.parse_args(given[:end]), given[end + 1 :]
    measured = {arguments.old: {}, arguments.new: {}}
    more_is_better = {}
    for round in range(arguments.rounds):
        for build in [arguments.old, arguments.new][:: 1 if round % 2 == 0 else -1]:
            with tempfile.TemporaryDirectory() as folder:
                command = [build / "trendex-bench", "run", "--server", build / "trendex", "--out", folder, "--name", "r"]
                subprocess.run([*command, *flags], check=True, stdout=subprocess.DEVNULL)
                report = json.loads(Path(folder, "r.json").read_text())
            for name, value, is_better in figures(report):
                measured[build].setdefault(name, []).append(value)
                more_is_better[name] = is_better
            print(f"round {round + 1}, {build}: measured", flush=True)
    machine = report["machine"]
    lines = [
        "# Two builds in turn",
        "",
        f"{report['dataset']['rows']:,} × {report['dataset']['dimensions']}, {machine['cpu']}, {machine['cores']} cores, kernels"
        f" {machine['simdLevel']}, Linux {machine['kernel']}; {arguments.rounds} rounds, `{' '.join(flags)}`. Medians;"
        " in brackets the lowest and the highest. *better*: above 1 the new build is better.",
        "",
        "| | old | new | better |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, is_better in more_is_better.items():
        old, new = (measured[build][name] for build in (arguments.old, arguments.new))
        ratio = statistics.median(new) / statistics.median(old)
        cells = [f"{shown(statistics.median(v))} ({shown(min(v))} to {shown(max(v))})" for v in (old, new)]
        lines.append(f"| {name} | {cells[0]} | {cells[1]} | {ratio if is_better else 1 / ratio:.3f} |")
    arguments.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
