"""Tables for people, from the figures of a run."""

from math import exp, log

from .curves import TARGETS, best_at, cheapest, qps_at

OURS = "trendex"
#: What a ratio of ours is named by, and which peers it is set against (`None`: all of them).
MODES = [
    ("best", "best mode (engine defaults)", None),
    ("rescored", "int8 walk, float32 rescoring", None),
    ("int8", "int8 alone, no rescoring", None),
    ("avx2", "AVX2 kernels", ("pyglass",)),
]


def table(header, rows):
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [header] + rows) for i in range(len(header))]
    line = lambda row: "| " + " | ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))) + " |"  # noqa: E731,E501
    rule = "| " + " | ".join("-" * w if i == 0 else "-" * (w - 1) + ":" for i, w in enumerate(widths)) + " |"
    return "\n".join([line(header), rule] + [line(row) for row in rows])


def number(value):
    return "–" if value is None else f"{value:,.0f}"


def ratio(value):
    return "–" if value is None else f"{value:.2f}"


def by_engine(runs):
    engines = {}
    for run in runs:
        engines.setdefault(run["engine"], []).append(run)
    return engines


def in_mode(runs, mode):
    """Our runs that belong to a named mode."""
    return [run for run in runs if run["engine"] == OURS and mode in run.get("modes", ())]


def marked(result, engine):
    """An engine's name, with a dagger where it can't run its best on this machine."""
    return f"{engine} †" if engine in result.get("limits", {}) else engine


def footnotes(result):
    return "\n".join(f"† {engine}: {reason}." for engine, reason in result.get("limits", {}).items())


def unfiltered(result):
    """QPS at the targets for each configuration, then ours over the best of each peer."""
    rows = []
    for run in result["runs"]:
        at = [qps_at(run["points"], t) for t in TARGETS]
        batch = [qps_at(run["batch"], t) for t in TARGETS] if run.get("batch") else [None] * len(TARGETS)
        rows.append(
            [f"{marked(result, run['engine'])}, {run['label']}"]
            + [number(a) + (f" / {number(b)}" if b else "") for a, b in zip(at, batch)]
            + [
                f"{run['build']['seconds']:.1f}",
                f"{run['build']['cpuSeconds']:.1f}",
                f"{run['ingest']['cpuSeconds']:.1f}" if run.get("ingest") else "–",
                number(run["residentBytesPerPoint"]),
                number(run.get("mappedBytesPerPoint", 0)),
                number(run["fileBytes"] and run["fileBytes"] / 1e6),
            ]
        )
    header = ["engine"] + [f"{t:.2f}" for t in TARGETS]
    header += ["link s", "link CPU s", "ingest CPU s", "B/point", "mapped B/point", "files MB"]
    text = [table(header, rows)]
    if result.get("limits"):
        text.append(footnotes(result))
    lines = ratios(result)
    if lines:
        text.append("Ours (one query a call) over the best of each peer (its best setting, single or batch call):")
        text.append(table(["ratio"] + [f"{t:.2f}" for t in TARGETS], lines))
    return "\n\n".join(text)


def ratios(result):
    """One row for each named mode of ours and each peer."""
    engines = by_engine(result["runs"])
    engines.pop(OURS, None)
    lines = []
    for mode, name, peers in MODES:
        mine = in_mode(result["runs"], mode)
        for engine, runs in engines.items() if mine else ():
            if peers and engine not in peers:
                continue
            cells = []
            for target in TARGETS:
                a, b = best_at(mine, target), best_at(runs, target)
                cells.append(ratio(a[0] / b[0] if a and b else None))
            lines.append([f"{name} ÷ {marked(result, engine)}"] + cells)
    return lines


def target_of(case):
    """Recall that a filtered search must reach: 0.99 where less than 5 % match, else 0.95."""
    return 0.99 if case["selectivity"] < 0.05 else 0.95


def filtered(result):
    """Per filter: the fastest setting that reaches the recall, ours and qdrant-edge's, and the ratio."""
    cases = filtered_ratios(result)
    rows = []
    for case in cases:
        def cell(point):
            return "never" if point is None else f"{point['qps']:,.0f} ({point['recall']:.3f})"

        rows.append(
            [case["name"], case["kind"], f"{100 * case['selectivity']:.2f} %", cell(case["ours"]), cell(case["plain"]),
             cell(case["acorn"]), ratio(case["ratio"]), case["shortQueries"]]
        )
    known = [case["ratio"] for case in cases if case["ratio"]]
    mean = exp(sum(map(log, known)) / len(known)) if known else None
    text = table(["filter", "kind", "selects", "ours", "qdrant-edge", "with ACORN", "ratio", "ours short"], rows)
    return text + f"\n\nGeometric mean of the ratios: {ratio(mean)} ({len(known)} of {len(cases)} filters)."


def filtered_ratios(result):
    ours = {case["name"]: case for case in result["filtered"].get(OURS, [])}
    theirs = {case["name"]: case for case in result["filtered"].get("qdrant-edge", [])}
    cases = []
    for name, case in ours.items():
        target = target_of(case)
        mine = cheapest(case["points"], target)
        peers = theirs.get(name, {"points": []})["points"]
        plain = cheapest([p for p in peers if not p["acorn"]], target)
        acorn = cheapest([p for p in peers if p["acorn"]], target)
        best = max((p["qps"] for p in (plain, acorn) if p), default=None)
        cases.append(
            {
                **{key: case[key] for key in ("name", "kind", "selectivity")},
                "ours": mine,
                "plain": plain,
                "acorn": acorn,
                "ratio": mine["qps"] / best if mine and best else None,
                "shortQueries": max(p["shortQueries"] for p in case["points"]),
            }
        )
    return cases


def markdown(result):
    machine, data = result["machine"], result["dataset"]
    lines = [
        f"# Trendex and its peers: {data['name']}",
        f"{data['rows']:,} × {data['dimensions']}, {data['queries']} queries, k = {result['flags']['k']}; "
        f"{machine['cpu']}, {machine['cores']} cores, kernels {machine.get('simdLevel', '?')}, Linux "
        f"{machine['kernel']}; searches on core {result['flags']['pin']}, medians of {result['flags']['passes']} "
        "interleaved passes.",
        "## QPS at recall@10, one query a call / in a batch call",
        unfiltered(result),
    ]
    if result.get("busyCores", 0) > 1.25:
        lines.insert(
            2,
            f"**Not to be quoted:** {result['busyCores']:.1f} cores were busy while one was measured, so other work took "
            "part of the time. Slow engines lose more by that than fast ones.",
        )
    if result["failures"]:
        lines += ["Not measured here:", "\n".join(f"- {f['engine']}, {f['label']}: {f['reason']}" for f in result["failures"])]
    check = result.get("truthCheck")
    if check:
        lines.append("Exact search against the truth: " + ", ".join(f"{k} recall {v:.4f}" for k, v in check.items()) + ".")
    if result.get("filtered"):
        lines += ["## Filtered searches: fastest setting at recall 0.95 (0.99 below 5 %), QPS (recall)", filtered(result)]
    return "\n\n".join(lines) + "\n"
