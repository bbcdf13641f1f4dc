"""Larger sets from real ones: mixtures of real rows that keep their covariance and how near the neighbours are.

Row = mean + √0.7 · (a point between a random real row and one of its 32 nearest) + √0.3 · (another random real row), all
taken without the mean, and the whole scaled to length 1. The sum of parts whose squared weights add up to 1 has the
covariance of the real rows; the first part gives a row near neighbours as real ones have them, the second keeps rows
with a common parent from being copies. Rows come in blocks with seeds of their own, so a smaller set is the beginning
of a larger one.
"""

import numpy as np

from .data import normalised

BLOCK = 10_000
NEIGHBOURS = 32
FAR_SHARE = 0.3
#: Components whose share of the variance is told.
COMPONENTS = (32, 128, 256)
SAMPLE = 500


def nearest(rows, count):
    """For each row the numbers of its `count` nearest others, in no order."""
    found = np.empty((len(rows), count), np.int32)
    for start in range(0, len(rows), 2000):
        scores = rows[start : start + 2000] @ rows.T
        scores[np.arange(len(scores)), np.arange(start, start + len(scores))] = -np.inf
        found[start : start + 2000] = np.argpartition(-scores, count, axis=1)[:, :count]
    return found


def make(rows, neighbours, count, seed, path, note):
    """Writes `count` rows as float16 to `path`."""
    mean = rows.mean(axis=0)
    out = np.lib.format.open_memmap(path, "w+", np.float16, (count, rows.shape[1]))
    for number, start in enumerate(range(0, count, BLOCK)):
        random = np.random.default_rng([seed, number])
        first = random.integers(len(rows), size=BLOCK)
        second = neighbours[first, random.integers(neighbours.shape[1], size=BLOCK)]
        far = random.integers(len(rows), size=BLOCK)
        share = random.random((BLOCK, 1), np.float32)
        near = share * (rows[first] - mean) + (1 - share) * (rows[second] - mean)
        # A point between two rows is nearer to the mean than they are.
        near *= np.linalg.norm(rows[first] - mean, axis=1, keepdims=True) / np.linalg.norm(near, axis=1, keepdims=True)
        mixed = mean + np.sqrt(1 - FAR_SHARE) * near + np.sqrt(FAR_SHARE) * (rows[far] - mean)
        out[start : start + BLOCK] = normalised(mixed)[: count - start]
        if number % 20 == 19:
            note(f"  {start + BLOCK:,} of {count:,} rows made")
    out.flush()


def exact(path, queries, depth):
    """Ids and scores of each query's nearest rows, by comparing with every row, block by block."""
    base = np.load(path, mmap_mode="r")
    # A few more than asked for, so that rows that float32 puts in another order are all there.
    keep = depth + 10
    ids = np.empty((len(queries), 0), np.int64)
    scores = np.empty((len(queries), 0), np.float32)
    for start in range(0, len(base), 20_000):
        block = queries @ normalised(base[start : start + 20_000]).T
        take = min(keep, block.shape[1])
        best = np.argpartition(-block, take - 1, axis=1)[:, :take]
        ids = np.hstack([ids, best + start])
        scores = np.hstack([scores, np.take_along_axis(block, best, axis=1)])
        order = np.argsort(-scores, axis=1)[:, :keep]
        ids, scores = np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1)
    wide = np.empty(ids.shape)
    for query in range(len(queries)):
        wide[query] = normalised(base[ids[query]]).astype(np.float64) @ queries[query].astype(np.float64)
    order = np.argsort(-wide, axis=1, kind="stable")[:, :depth]
    return np.take_along_axis(ids, order, axis=1), np.take_along_axis(wide, order, axis=1).astype(np.float32)


def describe(path, query_scores, seed):
    """Spectrum, and how similar a row's and a query's first and tenth neighbours are."""
    base = np.load(path, mmap_mode="r")
    random = np.random.default_rng(seed)
    picked = np.sort(random.choice(len(base), min(SAMPLE, len(base)), replace=False))
    # The row itself is its own first neighbour.
    scores = exact(path, normalised(base[picked]), 11)[1]
    some = normalised(base[np.sort(random.choice(len(base), min(20_000, len(base)), replace=False))])
    centred = some - some.mean(axis=0)
    values = np.linalg.eigvalsh(centred.T @ centred / len(centred))[::-1]
    shares = np.cumsum(values) / values.sum()

    def spread(values):
        low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
        return {"p10": round(float(low), 4), "p50": round(float(middle), 4), "p90": round(float(high), 4)}

    return {
        "rows": len(base),
        "varianceShare": {str(count): round(float(shares[count - 1]), 4) for count in COMPONENTS if count <= len(shares)},
        "firstNeighbour": spread(scores[:, 1]),
        "tenthNeighbour": spread(scores[:, 10]),
        "queryFirst": spread(query_scores[:, 0]),
        "queryTenth": spread(query_scores[:, 9]),
    }
