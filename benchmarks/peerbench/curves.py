"""Recall/QPS curves: Pareto fronts, medians of passes, and QPS at a recall."""

import math
from statistics import median

TARGETS = (0.90, 0.95, 0.98, 0.99)


SETTING = ("ef", "oversampling", "acorn")


def merged(passes):
    """Setting by setting the medians of the passes that measured it."""
    settings = {}
    for points in passes:
        for point in points:
            settings.setdefault(tuple(point.get(key) for key in SETTING), []).append(point)
    points = []
    for same in settings.values():
        point = dict(same[0])
        for key in point:
            if key == "qps" or key.endswith("Microseconds"):
                point[key] = round(median(p[key] for p in same), 2)
        point["recall"] = min(p["recall"] for p in same)
        points.append(point)
    return points


def pareto(points):
    """The points that no other one beats in recall and QPS, by rising recall."""
    front = []
    for point in sorted(points, key=lambda p: (-p["recall"], -p["qps"])):
        if not front or point["qps"] > front[-1]["qps"]:
            front.append(point)
    return front[::-1]


def undominated(points, tolerance=1.15):
    """The points that no other one beats: recall as high, and QPS higher by more than noise is."""
    return [
        point
        for point in points
        if not any(p["recall"] >= point["recall"] and p["qps"] > tolerance * point["qps"] for p in points)
    ]


def qps_at(points, recall):
    """QPS at a recall: between two points of the front, log-linear; at lower recall than all points, the fastest
    point's own; `None` when no point reaches it."""
    front = pareto(points)
    if not front or front[-1]["recall"] < recall:
        return None
    if front[0]["recall"] >= recall:
        return front[0]["qps"]
    for low, high in zip(front, front[1:]):
        if low["recall"] < recall <= high["recall"]:
            share = (recall - low["recall"]) / (high["recall"] - low["recall"])
            return math.exp(math.log(low["qps"]) * (1 - share) + math.log(high["qps"]) * share)
    return None


def cheapest(points, recall):
    """The fastest measured point with at least this recall, or `None`."""
    return max((p for p in points if p["recall"] >= recall), key=lambda p: p["qps"], default=None)


def best_at(runs, recall):
    """The highest QPS at a recall over configurations and single and batch calls: (qps, label, mode)."""
    found = []
    for run in runs:
        for mode in ("points", "batch"):
            qps = qps_at(run.get(mode) or [], recall)
            if qps:
                found.append((qps, run["label"], "batch" if mode == "batch" else "single"))
    return max(found, default=None)
