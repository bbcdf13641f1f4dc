#!/usr/bin/env python3
"""Draws a run's curves and filtered searches as SVG and PNG, and nothing that the table doesn't say."""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: E402

from peerbench.curves import best_at, pareto  # noqa: E402
from peerbench.report import OURS, by_engine, filtered_ratios  # noqa: E402

OURS_COLOUR = "#d9480f"
PEER_COLOURS = ["#1c5d99", "#2b8a3e", "#7048a8", "#0b8c9c", "#8a6d1a", "#5c6470", "#a0456e"]
GREY = "#868e96"
LEFT, RIGHT = 0.85, 1.0


def style():
    plt.rcParams.update(
        {
            "font.family": "DejaVu Sans",
            "font.size": 10.5,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": GREY,
            "axes.labelcolor": "#343a40",
            "xtick.color": "#495057",
            "ytick.color": "#495057",
            "svg.hashsalt": "trendex",
            "svg.fonttype": "none",
        }
    )


def thousands(value, _=None):
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def favourite(runs, mode):
    """The configuration of an engine that is fastest at recall 0.95, or else at the highest recall that any reaches."""
    for recall in (0.95, 0.90, 0.80, 0.0):
        ranked = [(best_at([{**run, "batch": run.get(mode) if mode == "batch" else []}], recall), run) for run in runs]
        ranked = [(found[0], run) for found, run in ranked if found]
        if ranked:
            return max(ranked, key=lambda pair: pair[0])[1]
    return None


def spread(positions, gap):
    """Moves label positions apart until neighbours have at least `gap`, keeping their order."""
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    moved = [positions[i] for i in order]
    for _ in range(200):
        changed = False
        for i in range(len(moved) - 1):
            if moved[i + 1] - moved[i] < gap - 1e-9:
                middle = (moved[i] + moved[i + 1]) / 2
                moved[i], moved[i + 1] = middle - gap / 2, middle + gap / 2
                changed = True
        if not changed:
            break
    result = [0.0] * len(positions)
    for place, index in enumerate(order):
        result[index] = moved[place]
    return result


def subtitle(result):
    data, machine = result["dataset"], result["machine"]
    return (
        f"{data['rows']:,} × {data['dimensions']}, one query a call on one core of {machine['cpu']} "
        f"({machine.get('simdLevel', '?')})"
    )


def plot_curves(result, stem):
    from math import log10

    curves = []
    for engine, runs in by_engine(result["runs"]).items():
        run = favourite(runs, "points")
        front = [p for p in pareto(run["points"]) if p["recall"] >= LEFT - 0.06] if run else []
        if front:
            curves.append((engine, run["label"], front))
    if not curves:
        return []
    figure, axes = plt.subplots(figsize=(9.2, 5.6))
    peers = sorted({engine for engine, _, _ in curves if engine != OURS})
    colours = {OURS: OURS_COLOUR} | dict(zip(peers, PEER_COLOURS))
    for engine, _, front in curves:
        ours = engine == OURS
        axes.plot(
            [p["recall"] for p in front], [p["qps"] for p in front], color=colours[engine],
            linewidth=3.2 if ours else 1.5, marker="o", markersize=5 if ours else 3, zorder=5 if ours else 3,
            alpha=1 if ours else 0.85, clip_on=True,
        )  # fmt: skip
    visible = [p["qps"] for _, _, front in curves for p in front if p["recall"] >= LEFT]
    axes.set_yscale("log")
    axes.set_ylim(min(visible) / 1.25, max(visible) * 1.25)
    axes.set_xlim(LEFT, RIGHT + 0.001)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(thousands))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_locator(LogLocator(subs=()))
    axes.set_xticks([0.85, 0.90, 0.95, 0.98, 0.99, 1.0], ["0.85", "0.90", "0.95", "0.98", "0.99", "1"])
    axes.grid(axis="both", color="#e9ecef", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel(f"recall@{result['flags']['k']}")
    axes.set_ylabel("queries a second (log)")
    # Labels stand in a column to the right, each beside the end of its curve.
    low, high = (log10(y) for y in axes.get_ylim())
    ends = [(log10(front[-1]["qps"]) - low) / (high - low) for _, _, front in curves]
    places = spread(ends, 0.078)
    for (engine, label, front), place in zip(curves, places):
        ours = engine == OURS
        axes.annotate(
            f"{'Trendex' if ours else engine}", xy=(front[-1]["recall"], front[-1]["qps"]), xycoords="data",
            xytext=(1.035, place), textcoords="axes fraction", va="center", ha="left", color=colours[engine],
            fontsize=13 if ours else 10.5, fontweight="bold" if ours else "normal", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colours[engine], "linewidth": 0.6, "alpha": 0.5, "shrinkA": 1, "shrinkB": 3},
        )  # fmt: skip
        axes.annotate(
            label, xy=(1.035, place), xycoords="axes fraction", xytext=(0, -11 if ours else -9.5),
            textcoords="offset points", va="center", ha="left", color=GREY, fontsize=7.5, annotation_clip=False,
        )  # fmt: skip
    figure.suptitle("Recall against speed: up and to the right is better", x=0.075, y=0.975, ha="left", fontsize=14)
    axes.set_title(subtitle(result), loc="left", fontsize=9, color=GREY, pad=10)
    figure.subplots_adjust(left=0.075, right=0.80, top=0.87, bottom=0.10)
    return save(figure, f"{stem}-curves")


def filter_label(case):
    """What the filter asks for and the share that it selects, short enough for an axis."""
    kind = case["kind"].split(",")[0].split("(")[0].strip()
    if len(kind) > 34:
        kind = kind[:33].rstrip() + "…"
    return f"{kind}, {100 * case['selectivity']:.2g} %"


def plot_filtered(result, stem):
    cases = [case for case in filtered_ratios(result) if case["ours"]]
    if not cases:
        return []
    cases.sort(key=lambda case: -case["selectivity"])
    height = 0.36 * len(cases) + 1.7
    figure, axes = plt.subplots(figsize=(9.2, height))
    for row, case in enumerate(reversed(cases)):
        theirs = max((p["qps"] for p in (case["plain"], case["acorn"]) if p), default=None)
        mine = case["ours"]["qps"]
        if theirs:
            axes.plot([theirs, mine], [row, row], color="#ced4da", linewidth=2.5, zorder=2, solid_capstyle="round")
            axes.scatter([theirs], [row], color=PEER_COLOURS[0], s=42, zorder=4)
        axes.scatter([mine], [row], color=OURS_COLOUR, s=70, zorder=5)
        text = f"{case['ratio']:.1f}×" if case["ratio"] else "only Trendex reaches the recall"
        axes.annotate(
            text, (max(mine, theirs or 0), row), xytext=(10, 0), textcoords="offset points", va="center", fontsize=9.5,
            color=OURS_COLOUR if not case["ratio"] or case["ratio"] >= 1 else PEER_COLOURS[0], fontweight="bold",
        )  # fmt: skip
    axes.set_yticks(range(len(cases)), [filter_label(case) for case in reversed(cases)], fontsize=9.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xscale("log")
    left, right = axes.get_xlim()
    axes.set_xlim(left, right * 2.2)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(thousands))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color="#e9ecef", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.set_minor_locator(LogLocator(subs=()))
    axes.set_xlabel("queries a second (log)")
    axes.set_ylim(-0.7, len(cases) - 0.3)
    handles = [
        plt.Line2D([], [], marker="o", linestyle="", color=OURS_COLOUR, markersize=8, label="Trendex"),
        plt.Line2D([], [], marker="o", linestyle="", color=PEER_COLOURS[0], markersize=6, label="qdrant-edge, best of with and without ACORN"),
    ]  # fmt: skip
    top = 1 - 0.62 / height
    figure.legend(
        handles=handles, loc="center left", bbox_to_anchor=(0.005, top - 0.28 / height), ncol=2, frameon=False, fontsize=9.5
    )
    figure.suptitle("Filtered searches: the fastest setting that finds enough", x=0.015, y=1 - 0.22 / height, ha="left", fontsize=14)
    figure.text(
        0.015, top, "recall@10 at least 0.95, or 0.99 where less than 5 % match; " + subtitle(result), fontsize=9, color=GREY,
        va="center",
    )  # fmt: skip
    figure.tight_layout(rect=(0, 0, 1, top - 0.42 / height))
    return save(figure, f"{stem}-filtered")


def save(figure, stem):
    paths = [f"{stem}.svg", f"{stem}.png"]
    figure.savefig(paths[0], metadata={"Date": None})
    figure.savefig(paths[1], dpi=150)
    plt.close(figure)
    return paths


def plot_all(result, stem):
    style()
    stem = str(stem)
    paths = plot_curves(result, stem)
    if result.get("filtered"):
        paths += plot_filtered(result, stem)
    return paths


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: plot.py RESULT.json …")
    for argument in sys.argv[1:]:
        path = Path(argument)
        for written in plot_all(json.loads(path.read_text()), path.with_suffix("")):
            print(written)
