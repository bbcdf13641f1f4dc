#!/usr/bin/env python3
"""Draws a run's curves and filtered searches as SVG and PNG, and nothing that the table doesn't say."""

import json
import sys
import textwrap
from math import log10
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator  # noqa: E402

from peerbench.curves import pareto  # noqa: E402
from peerbench.report import OURS, by_engine, filtered_ratios, in_mode  # noqa: E402

OURS_COLOUR = "#d9480f"
PEER_COLOURS = ["#1c5d99", "#2b8a3e", "#7048a8", "#0b8c9c", "#8a6d1a", "#5c6470", "#a0456e", "#3b3b98"]
GREY = "#868e96"
LEFT, RIGHT = 0.90, 0.9993


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
    return f"{data['rows']:,} × {data['dimensions']}, one core of {machine['cpu']} ({machine.get('simdLevel', '?')})"


def stretched(recall):
    """Recall on an axis that gives 0.90 to 0.99 as much room as 0.99 to 0.999."""
    return -log10(1 - min(recall, RIGHT))


def curves_of(result):
    """(name, small print, points, is ours, is a side curve): each peer's front over all of its settings, and ours."""
    curves = []
    for engine, runs in by_engine(result["runs"]).items():
        if engine == OURS:
            continue
        points = [p for run in runs for p in run["points"] + (run.get("batch") or [])]
        name = engine + (" †" if engine in result.get("limits", {}) else "")
        small = f"best of {len(runs)} builds" if len(runs) > 1 else runs[0]["label"]
        curves.append((name, f"{small}, single or batch", points, False, False))
    for mode, name, small in (
        ("best", "Trendex", "best mode, one query a call"),
        ("int8", "Trendex, int8 alone", "nothing rescored"),
        ("avx2", "Trendex, AVX2", "for peers that have no more"),
    ):
        points = [p for run in in_mode(result["runs"], mode) for p in run["points"]]
        curves.append((name, small, points, True, mode != "best"))
    fronts = [(*curve[:2], [p for p in pareto(curve[2]) if p["recall"] >= LEFT], *curve[3:]) for curve in curves]
    return [curve for curve in fronts if curve[2]]


def plot_curves(result, stem):
    curves = curves_of(result)
    if not curves:
        return []
    figure, axes = plt.subplots(figsize=(10.4, 6.2))
    peers = sorted(name for name, _, _, ours, _ in curves if not ours)
    colours = dict(zip(peers, PEER_COLOURS * 2))
    drawn = []
    for name, small, front, ours, aside in curves:
        colour = OURS_COLOUR if ours else colours[name]
        style = ":" if aside else "--" if name.endswith("†") else "-"
        bold = ours and not aside
        axes.plot(
            [stretched(p["recall"]) for p in front], [p["qps"] for p in front], color=colour, linestyle=style,
            linewidth=3.4 if bold else 1.7, marker="o", markersize=5.5 if bold else 2.8, zorder=5 if ours else 3,
        )  # fmt: skip
        drawn.append((name, small, front, colour, bold))
    visible = [p["qps"] for _, _, front, _, _ in curves for p in front]
    axes.set_yscale("log")
    axes.set_ylim(min(visible) / 1.2, max(visible) * 1.2)
    axes.set_xlim(stretched(LEFT), stretched(RIGHT) + 0.02)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(thousands))
    axes.yaxis.set_minor_locator(LogLocator(subs=()))
    ticks = [0.90, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999]
    axes.set_xticks([stretched(tick) for tick in ticks], [f"{tick:g}" if tick > 0.9 else "0.90" for tick in ticks])
    axes.grid(axis="both", color="#e9ecef", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel(f"recall@{result['flags']['k']} (the axis is stretched towards 1)")
    axes.set_ylabel("queries a second (log)")
    # Labels stand in a column to the right, each joined to the end of its curve.
    low, high = (log10(y) for y in axes.get_ylim())
    places = spread([(log10(front[-1]["qps"]) - low) / (high - low) for _, _, front, _, _ in drawn], 0.082)
    for (name, small, front, colour, bold), place in zip(drawn, places):
        end = (stretched(front[-1]["recall"]), front[-1]["qps"])
        axes.annotate(
            "", xy=end, xycoords="data", xytext=(1.04, place), textcoords="axes fraction", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.7, "alpha": 0.55, "shrinkA": 0, "shrinkB": 3},
        )  # fmt: skip
        axes.text(
            1.05, place, name, transform=axes.transAxes, va="bottom", color=colour, fontsize=13 if bold else 10.5,
            fontweight="bold" if bold else "normal",
        )  # fmt: skip
        axes.text(1.05, place - 0.004, small, transform=axes.transAxes, va="top", color=GREY, fontsize=7.5)
    figure.suptitle("Recall against speed: up and to the right is better", x=0.07, y=0.975, ha="left", fontsize=14)
    axes.set_title(subtitle(result), loc="left", fontsize=9, color=GREY, pad=8)
    limits = result.get("limits", {})
    if limits:
        text = "\n".join(f"† {engine} can't run its best here: {reason}" for engine, reason in limits.items())
        figure.text(0.07, 0.012, text, fontsize=7.5, color=GREY, va="bottom")
    figure.subplots_adjust(left=0.07, right=0.76, top=0.88, bottom=0.125 + 0.02 * len(limits))
    return save(figure, f"{stem}-curves")


def filter_label(case):
    """What the filter asks for and the share that it selects, short enough for an axis."""
    kind = case["kind"].split("(")[0].strip()
    kind = kind if " AND " in kind else kind.split(",")[0]
    kind = textwrap.fill(kind.removesuffix(", negatively correlated"), 34)
    return f"{kind}, {100 * case['selectivity']:.2g} %"


def plot_filtered(result, stem):
    cases = [case for case in filtered_ratios(result) if case["ours"]]
    if not cases:
        return []
    cases.sort(key=lambda case: case["selectivity"])
    height = 0.44 * len(cases) + 1.6
    figure, axes = plt.subplots(figsize=(9.6, height))
    for row, case in enumerate(cases):
        bars = [(0.19, case["ours"], OURS_COLOUR), (-0.19, best_of(case), PEER_COLOURS[0])]
        for offset, point, colour in bars:
            if point:
                axes.barh(row + offset, point["qps"], height=0.36, color=colour, zorder=3)
                axes.annotate(
                    thousands(round(point["qps"], -2)), (point["qps"], row + offset), xytext=(4, 0),
                    textcoords="offset points", va="center", fontsize=8, color=colour,
                )  # fmt: skip
        text = f"{case['ratio']:.1f}×" if case["ratio"] else "never reached"
        axes.text(
            1.0, row, text, transform=axes.get_yaxis_transform(), va="center", ha="right", fontsize=11, fontweight="bold",
            color=OURS_COLOUR if not case["ratio"] or case["ratio"] >= 1 else PEER_COLOURS[0],
        )  # fmt: skip
    axes.set_yticks(range(len(cases)), [filter_label(case) for case in cases], fontsize=9.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xscale("log")
    speeds = [point["qps"] for case in cases for point in (case["ours"], best_of(case)) if point]
    # A decimal place below the slowest, so that its bar is seen; room at the right for the ratios.
    axes.set_xlim(10 ** int(log10(min(speeds))), max(speeds) * 4)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(thousands))
    axes.xaxis.set_minor_locator(LogLocator(subs=()))
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color="#e9ecef", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("queries a second (log)")
    axes.set_ylim(-0.6, len(cases) - 0.4)
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in (OURS_COLOUR, PEER_COLOURS[0])]
    figure.legend(
        handles, ["Trendex", "qdrant-edge, the best of all its settings"], loc="center left",
        bbox_to_anchor=(0.005, 1 - 0.86 / height), ncol=2, frameon=False, fontsize=9.5,
    )  # fmt: skip
    figure.suptitle(
        "Filtered searches: the fastest setting that finds enough", x=0.015, y=1 - 0.12 / height, ha="left", fontsize=14
    )
    figure.text(
        0.015, 1 - 0.56 / height, "recall@10 at least 0.95, or 0.99 where less than 5 % match; " + subtitle(result),
        fontsize=9, color=GREY, va="center",
    )  # fmt: skip
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.5 / height))
    return save(figure, f"{stem}-filtered")


def best_of(case):
    """qdrant-edge's faster point of with and without ACORN, or `None`."""
    return max((point for point in (case["plain"], case["acorn"]) if point), key=lambda point: point["qps"], default=None)


def plot_growth(result, stem):
    """Four panels over the number of points: cost, memory, build and start-up."""
    sizes = result["sizes"]
    counts = [size["rows"] for size in sizes]
    figure, panels = plt.subplots(2, 2, figsize=(9.2, 6.4))

    def panel(axes, title, series, reference=None):
        axes.set_xscale("log")
        axes.margins(x=0.14)
        if reference:
            axes.plot(counts, reference, color=GREY, linestyle=":", linewidth=1.4, label="growth as log n", zorder=2)
        for label, values, colour, above in series:
            known = [(x, y) for x, y in zip(counts, values) if y is not None]
            if not known:
                continue
            axes.plot(*zip(*known), color=colour, marker="o", linewidth=2.2, label=label, zorder=4)
            for x, y in known:
                axes.annotate(
                    f"{y:,.0f}", (x, y), xytext=(0, 8 if above else -9), textcoords="offset points", ha="center",
                    va="center" if not above else "bottom", fontsize=9.5, color=colour, fontweight="bold",
                )  # fmt: skip
        axes.set_title(title, loc="left", fontsize=11)
        axes.set_xticks(counts, [thousands(count) if count < 1e6 else f"{count / 1e6:g}M" for count in counts])
        axes.xaxis.set_minor_locator(LogLocator(subs=()))
        bottom = -0.06 if reference else 0
        axes.set_ylim(bottom * axes.get_ylim()[1], axes.get_ylim()[1] * 1.2)
        axes.grid(axis="y", color="#e9ecef", linewidth=0.8)
        axes.set_axisbelow(True)
        if reference:
            axes.legend(frameon=False, fontsize=9, loc="upper left")

    costs = {target: [size["microsecondsAtRecall"][target] for size in sizes] for target in ("0.95", "0.98")}
    first = costs["0.98"][0]
    panel(
        panels[0][0], "µs a query, one core",
        [("recall 0.98", costs["0.98"], PEER_COLOURS[0], True), ("recall 0.95", costs["0.95"], OURS_COLOUR, False)],
        [first * log10(count) / log10(counts[0]) for count in counts] if first else None,
    )  # fmt: skip
    panel(
        panels[0][1], "resident bytes a point (codes, graph, ids)",
        [("", [size["residentBytesPerPoint"] for size in sizes], OURS_COLOUR, True)],
    )  # fmt: skip
    panel(
        panels[1][0], "CPU µs to link a point",
        [("", [1e6 * size["linkCPUSeconds"] / size["rows"] for size in sizes], OURS_COLOUR, True)],
    )  # fmt: skip
    starts = [size["server"]["startSeconds"] * 1e3 if size.get("server") else None for size in sizes]
    panel(panels[1][1], "ms from the server's start to its first answer", [("", starts, OURS_COLOUR, True)])
    for axes in panels[1]:
        axes.set_xlabel("points (log)")
    machine = result["machine"]
    figure.suptitle("Growth", x=0.06, y=0.98, ha="left", fontsize=14)
    figure.text(
        0.06, 0.925, f"{result['flags']['queries']} queries; {machine['cpu']} ({machine.get('simdLevel', '?')})", fontsize=9,
        color=GREY,
    )  # fmt: skip
    figure.tight_layout(rect=(0.02, 0, 1, 0.93))
    return save(figure, stem)


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
        result = json.loads(path.read_text())
        style()
        draw = plot_growth if "sizes" in result else plot_all
        for written in draw(result, str(path.with_suffix(""))):
            print(written)
