"""Tables for people, from the figures of a run."""

from math import exp, log

from .curves import TARGETS, best_at, cheapest, qps_at

OURS = "trendex"


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


def unfiltered(result):
    """QPS at the targets for each configuration, then ours over the best of each peer."""
    rows = []
    for run in result["runs"]:
        at = [qps_at(run["points"], t) for t in TARGETS]
        batch = [qps_at(run["batch"], t) for t in TARGETS] if run.get("batch") else [None] * len(TARGETS)
        rows.append(
            [f"{run['engine']}, {run['label']}"]
            + [number(a) + (f" / {number(b)}" if b else "") for a, b in zip(at, batch)]
            + [
                f"{run['build']['seconds']:.1f}",
                f"{run['build']['cpuSeconds']:.1f}",
                number(run["residentBytesPerPoint"]),
                number(run.get("mappedBytesPerPoint", 0)),
                f"{run['fileBytes'] / 1e6:.0f}",
            ]
        )
    header = ["engine"] + [f"{t:.2f}" for t in TARGETS]
    header += ["build s", "CPU s", "B/point", "mapped B/point", "files MB"]
    text = table(header, rows)
    engines = by_engine(result["runs"])
    ours = engines.pop(OURS, [])
    lines = []
    for mode, mine in (("best mode", ours), ("int8 alone", [r for r in ours if r.get("rescore") is False])):
        if not mine:
            continue
        for engine, runs in engines.items():
            cells = []
            for target in TARGETS:
                a, b = best_at(mine, target), best_at(runs, target)
                cells.append(ratio(a[0] / b[0] if a and b else None))
            lines.append([f"{mode} ÷ {engine}"] + cells)
    if lines:
        text += "\n\nOurs (one query a call) over the best of each peer (its best setting, single or batch call):\n\n"
        text += table(["ratio"] + [f"{t:.2f}" for t in TARGETS], lines)
    return text


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
