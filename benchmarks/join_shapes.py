"""Joins reports of `trendex-bench shapes` that were made with a seed each, because all seeds at once take hours.

usage: join_shapes.py OUT.json OUT.md REPORT.json…

A shape's peers may have been asked with some seeds alone (--peers-below): they are compared with ours at those seeds.
"""

import json
import sys

WIDTHS = ("64", "default", "256")
DEFAULT = 1
# As ShapeSummary judges.
LEAST_RECALL, SLACK, LEAST_POPULATION, POPULATION_SLACK = 0.95, 0.01, 0.8, 0.05
NOT_PEERS = {"seed", "reachability", "trendex"}


def mean(values):
    return sum(values) / len(values)


def peers(run):
    return {name: figures for name, figures in run.items() if name not in NOT_PEERS}


def best_peer(runs, place):
    """The peer with the highest mean recall, and by how much ours is higher with the same seeds."""
    asked = [run for run in runs if peers(run)]
    if not asked:
        return None
    means = {name: mean([run[name][place]["recall"] for run in asked]) for name in peers(asked[0])}
    name = max(means, key=means.get)
    lost = sum(run[name][place]["lostQueries"] for run in asked)
    return name, means[name], mean([run["trendex"][place]["recall"] for run in asked]) - means[name], lost


def worst_population(figures):
    return (figures.get("worstPopulation") or {}).get("recall")


def loses_population(run):
    ours = worst_population(run["trendex"][DEFAULT])
    if ours is None or ours >= LEAST_POPULATION:
        return False
    theirs = [p for p in (worst_population(figures[DEFAULT]) for figures in peers(run).values()) if p is not None]
    return not theirs or ours < max(theirs) - POPULATION_SLACK


def verdict(shape):
    if shape["isHard"]:
        return "not judged"
    runs = shape["runs"]
    if any(map(loses_population, runs)):
        return "population lost"
    peer = best_peer(runs, DEFAULT)
    worst = min(run["trendex"][DEFAULT]["recall"] for run in runs)
    if worst < LEAST_RECALL and not (peer and peer[2] >= 0):
        return "low"
    return "behind" if peer and peer[2] < -SLACK else "ok"


def cells(shape):
    runs, row = shape["runs"], [shape["name"]]
    for place in range(3):
        ours, peer = [run["trendex"][place]["recall"] for run in runs], best_peer(shape["runs"], place)
        row += [f"{mean(ours):.4f}", f"{min(ours):.4f}"]
        row += [f"{peer[1]:.4f}", f"{peer[2]:+.4f}"] if peer else ["–", "–"]
    figures, peer = [run["trendex"][DEFAULT] for run in runs], best_peer(runs, DEFAULT)
    populations = [p for p in map(worst_population, figures) if p is not None]
    scored = sorted(f["medianScored"] for f in figures if f.get("medianScored") is not None)
    row += [
        str(sum(f["lostQueries"] for f in figures)), f"{peer[3]} ({peer[0]})" if peer else "–",
        f"{min(populations):.4f}" if populations else "–", f"{scored[len(scored) // 2]:,}" if scored else "–",
        shape["verdict"],
    ]  # fmt: skip
    return row


def main(out_json, out_table, *paths):
    reports = [json.load(open(path)) for path in paths]
    joined = {**reports[0], "shapes": []}
    seeds = [str(run["seed"]) for run in (r["shapes"][0]["runs"][0] for r in reports)]
    joined["flags"] = {**reports[0]["flags"], "seeds": ",".join(seeds)}
    for versions in zip(*(report["shapes"] for report in reports), strict=True):
        assert len({v["name"] for v in versions}) == 1
        shape = {**versions[0], "runs": [run for v in versions for run in v["runs"]]}
        shape["verdict"] = verdict(shape)
        joined["shapes"].append(shape)
    header = ["shape"] + [c for w in WIDTHS for c in (f"{w}: mean", "worst", "peers", "diff")]
    header += ["lost", "peer's lost", "worst population", "scored", "verdict"]
    rows = [cells(shape) for shape in joined["shapes"]]
    sizes = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [header, ["-" * sizes[0]] + ["-" * (size - 1) + ":" for size in sizes[1:]], *rows]
    flags = joined["flags"]
    with open(out_table, "w") as table:
        table.write(
            f"# Recall on data of many shapes\n\n{flags['rows']:,} rows in a shape of the usual size, seeds "
            f"{', '.join(seeds)}, m {flags['m']}, ef_construct {flags['efConstruct']}. Peers were asked with each seed "
            f"where ours was below {flags['peersBelow']} at some width. `benchmarks/README.md` says what the columns "
            "mean.\n\n"
        )
        for row in lines:
            first, *rest = (cell.ljust(size) if i == 0 else cell.rjust(size) for i, (cell, size) in enumerate(zip(row, sizes)))
            table.write("| " + " | ".join([first, *rest]) + " |\n")
    with open(out_json, "w") as report:
        json.dump(joined, report, indent=1)
        report.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
