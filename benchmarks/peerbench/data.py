"""Data sets, brought into one form that every engine reads: normalised float32 files in a scratch folder."""

import json
from pathlib import Path

import numpy as np

TOLERANCE = 1e-6


def normalised(rows):
    """Widens to float32 and scales every row to length 1 (a zero row stays zero)."""
    wide = rows.astype(np.float64)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.ascontiguousarray((wide / np.where(norms > 0, norms, 1)).astype(np.float32))


def load(path, row_limit=None, query_limit=None):
    """Base and queries of a data folder or an ann-benchmarks HDF5 file (angular distance)."""
    path = Path(path)
    if path.is_dir():
        base = np.load(one(path, "base*.npy"), mmap_mode="r")
        queries = np.load(one(path, "queries*.npy"), mmap_mode="r")
        return normalised(base[:row_limit]), normalised(queries[:query_limit])
    import h5py

    with h5py.File(path) as file:
        if file.attrs.get("distance", "angular") not in ("angular", "cosine"):
            raise SystemExit(f"{path}: only angular distance is compared")
        return normalised(file["train"][:row_limit]), normalised(file["test"][:query_limit])


def one(folder, pattern):
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"{folder}: needs one file {pattern}, has {len(found)}")
    return found[0]


def exact_scores(base, queries, depth):
    """Each query's exact scores, best first, in double precision."""
    scores = np.empty((len(queries), depth), np.float32)
    wide = base.astype(np.float64)
    for start in range(0, len(queries), 50):
        block = queries[start : start + 50].astype(np.float64) @ wide.T
        scores[start : start + 50] = -np.sort(-np.partition(block, -depth, axis=1)[:, -depth:], axis=1)
    return scores


def prepare(path, scratch, k, row_limit=None, query_limit=None):
    """Writes base.npy, queries.npy and scores.npy into the scratch folder; returns their shapes."""
    base, queries = load(path, row_limit, query_limit)
    np.save(scratch / "base.npy", base)
    np.save(scratch / "queries.npy", queries)
    np.save(scratch / "scores.npy", exact_scores(base, queries, max(k, 10)))
    return {"rows": len(base), "dimensions": base.shape[1], "queries": len(queries)}


class Judge:
    """Counts hits: results whose exact score reaches the exact k-th one, less 1e-6; a row counts once."""

    def __init__(self, base, queries, thresholds, expected=None, allowed=None):
        self.base, self.queries, self.thresholds = base, queries, thresholds
        self.expected = np.asarray(expected) if expected is not None else None
        self.allowed = allowed

    def recall(self, ids, k):
        """`ids`: for each query the rows found. Returns recall and the fewest results of a query with k matches."""
        total, judged, fewest, short = 0.0, 0, k, 0
        for query, found in enumerate(ids):
            wanted = k if self.expected is None else int(self.expected[query])
            found = np.unique(np.asarray(found, np.int64)[:k])
            found = found[(found >= 0) & (found < len(self.base))]
            short += len(found) < wanted
            if wanted == k:
                fewest = min(fewest, len(found))
            if wanted == 0:
                continue
            judged += 1
            if self.allowed is not None:
                found = found[np.isin(found, self.allowed[query])]
            scores = self.base[found].astype(np.float64) @ self.queries[query].astype(np.float64)
            total += min(int((scores >= self.thresholds[query] - TOLERANCE).sum()), wanted) / wanted
        return (total / judged if judged else 1.0), int(fewest), int(short)


def filter_cases(path, base, queries, k):
    """The filters of a data folder with their judges. True neighbours come from its gt100 files, so the base is whole."""
    path = Path(path)
    if not path.is_dir() or not (path / "filters.json").exists():
        return []
    cases = []
    for entry in json.loads((path / "filters.json").read_text()):
        truth = np.load(path / f"gt100_{entry['name']}_ids.npy")[: len(queries)]
        thresholds, expected, allowed = [], [], []
        for query, row in enumerate(truth):
            valid = row[row >= 0]
            scores = base[valid[:k]].astype(np.float64) @ queries[query].astype(np.float64)
            expected.append(min(k, len(valid)))
            thresholds.append(scores.min() if len(scores) else np.inf)
            allowed.append(valid)
        filters = entry.get("filters") or [entry["filter"]]
        cases.append(
            {
                "name": entry["name"],
                "kind": entry["kind"],
                "selectivity": entry["selectivity"],
                "filters": filters,
                "judge": Judge(base, queries, thresholds, expected, allowed),
            }
        )
    return cases
