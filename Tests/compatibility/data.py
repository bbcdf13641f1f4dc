"""Embeddings with payloads, queries and filters: the real ones where they are, otherwise ones of the same shape."""

import datetime
import json
import os
from functools import lru_cache
from pathlib import Path

import numpy as np

CHECKOUT = Path(__file__).resolve().parents[2]
DIMENSIONS = 768
# Near-identical texts make ids ambiguous: a result counts if its exact score reaches the k-th within this.
TIE = 1e-6


def folder():
    """The folder of the real data, or None."""
    given = os.environ.get("TRENDEX_DATA")
    path = Path(given) if given else CHECKOUT.parent / "shared" / "data"
    if (path / "base50k_f16.npy").exists():
        return path
    assert not given, f"TRENDEX_DATA={given} has no base50k_f16.npy"
    return None


def unit(rows):
    rows = rows.astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Dataset:
    def __init__(self, name, base, queries, payloads, filters):
        self.name, self.base, self.queries = name, base, queries
        self.payloads, self.filters = payloads, filters
        self.source = np.array([p["source"] for p in payloads])
        self.category = np.array([p["category"] for p in payloads])
        self.engagement = np.array([p["engagement_score"] for p in payloads])
        self.discovered = np.array([p["discovered_at"] for p in payloads])
        self.tags = [frozenset(p["tags"]) for p in payloads]

    def mask(self, filter):
        """Which rows fulfil a filter of filters.json, evaluated in the plainest way."""
        mask = np.ones(len(self.base), bool)
        assert set(filter) == {"must"}, filter
        for condition in filter["must"]:
            key = condition["key"]
            if "match" in condition:
                match = condition["match"]
                wanted = [match["value"]] if "value" in match else match["any"]
                if key == "tags":
                    mask &= np.array([not t.isdisjoint(wanted) for t in self.tags])
                else:
                    mask &= np.isin({"source": self.source, "category": self.category}[key], wanted)
            else:
                # Times are all written alike (UTC, whole seconds), so text order is their order.
                column = {"engagement_score": self.engagement, "discovered_at": self.discovered}[key]
                for operator, bound in condition["range"].items():
                    mask &= {"gte": column >= bound, "gt": column > bound, "lte": column <= bound, "lt": column < bound}[
                        operator
                    ]
        return mask

    def filter_for(self, entry, query):
        return entry["filters"][query] if entry["per_query"] else entry["filter"]


def kth_scores(scores, k):
    """Each row's k-th greatest score, or its least where it has fewer (-inf where none)."""
    if scores.shape[-1] == 0:
        return -np.inf
    k = min(k, scores.shape[-1])
    return np.partition(scores, scores.shape[-1] - k, axis=-1)[..., scores.shape[-1] - k]


@lru_cache
def load(rows=50_000):
    """The first `rows` rows."""
    path = folder()
    dataset = real(path, rows) if path else synthetic(rows)
    assert len(dataset.base) == len(dataset.payloads)
    return dataset


def real(path, rows):
    base = unit(np.load(path / "base50k_f16.npy")[:rows])
    queries = unit(np.load(path / "queries_f16.npy"))
    with open(path / "payload.jsonl", encoding="utf-8") as f:
        payloads = [json.loads(line) for _, line in zip(range(len(base)), f)]
    return Dataset("real", base, queries, payloads, json.loads((path / "filters.json").read_text()))


WORDS = "river market signal harvest copper lantern winter studio orbit garden bridge ledger canvas tunnel echo".split()
TAGS = {"news": 0.1, "launch": 0.01, "exclusive": 0.0015, "ai": 0.3, "music": 0.2}


def synthetic(rows, seed=1):
    """Clustered unit vectors with payloads of the same fields; categories follow the clusters, the rest does not."""
    rng = np.random.default_rng(seed)
    clusters = 240
    centres = unit(rng.standard_normal((clusters, DIMENSIONS)) + 0.35)
    # Variation within a cluster lies in a few dozen directions, as it does in real embeddings.
    spread = rng.standard_normal((clusters, 24, DIMENSIONS)).astype(np.float32) / np.sqrt(DIMENSIONS)

    def draw(n):
        label = rng.integers(0, clusters, n)
        offset = np.einsum("nk,nkd->nd", rng.standard_normal((n, 24)).astype(np.float32), spread[label], optimize=True)
        return label, unit(centres[label] + 0.22 * offset + 0.02 * rng.standard_normal((n, DIMENSIONS)))

    label, base, queries, query_label = np.empty(0, int), [], None, None
    parts = [draw(min(2000, rows - first)) for first in range(0, rows, 2000)]
    label = np.concatenate([p[0] for p in parts])
    base = np.concatenate([p[1] for p in parts])
    query_label, queries = draw(500)
    sources = ["reddit", "google_trends", "telegram", "vk", "youtube", "instagram"]
    source = rng.choice(sources, rows, p=[0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    engagement = np.minimum(rng.lognormal(3.5, 1.8, rows), 1e6).astype(int)
    start = datetime.datetime(2020, 1, 1)
    seconds = rng.integers(0, 6 * 365 * 86400, rows)
    payloads = []
    for i in range(rows):
        payloads.append(
            {
                "title": " ".join(rng.choice(WORDS, 5)),
                "category": f"topic_{label[i] % 24:02}",
                "source": str(source[i]),
                "engagement_score": int(engagement[i]),
                "tags": [t for t, p in TAGS.items() if rng.random() < p],
                "discovered_at": (start + datetime.timedelta(seconds=int(seconds[i]))).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )

    def must(*conditions):
        return {"must": list(conditions)}

    def at_least(key, values, share):
        values = sorted(values)
        return {"key": key, "range": {"gte": values[int(len(values) * (1 - share))]}}

    dates = [p["discovered_at"] for p in payloads]
    filters = [("kw50", must({"key": "source", "match": {"value": "reddit"}}))]
    filters += [(f"kw_{t}", must({"key": "tags", "match": {"value": t}})) for t in ("news", "launch", "exclusive")]
    filters += [(f"rg{s}", must(at_least("engagement_score", engagement.tolist(), s))) for s in (0.5, 0.1, 0.01, 0.001)]
    filters += [(f"dt{s}", must(at_least("discovered_at", dates, s))) for s in (0.5, 0.1, 0.01)]
    filters = [{"name": n, "per_query": False, "filter": f} for n, f in filters]
    far, near = [], []
    for q in range(len(queries)):
        own = f"topic_{query_label[q] % 24:02}"
        near.append(must({"key": "category", "match": {"value": own}}))
        others = [f"topic_{c:02}" for c in range(24) if f"topic_{c:02}" != own]
        far.append(must({"key": "category", "match": {"any": [str(c) for c in rng.choice(others, 3, replace=False)]}}))
    filters += [
        {"name": "near", "per_query": True, "filters": near},
        {"name": "far", "per_query": True, "filters": far},
    ]
    return Dataset("synthetic", base, queries, payloads, filters)
