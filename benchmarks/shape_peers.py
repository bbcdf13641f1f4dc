#!/usr/bin/env python3
"""Asks hnswlib and Faiss about one shape, for `trendex-bench shapes`, which judges what they answer.

usage: shape_peers.py FOLDER

FOLDER holds `task.json`, `base.npy` (float32, rows × d) and `queries.npy` (float32, queries × d), for cosine of length 1.
Each answer is written as `ids-NAME.npy`: int64, (widths · queries) × k, padded with −1.
"""

import json
import sys
from pathlib import Path

import numpy as np


class Task:
    def __init__(self, folder):
        self.folder = Path(folder)
        fields = json.loads((self.folder / "task.json").read_text())
        self.metric, self.k, self.m = fields["metric"], fields["k"], fields["m"]
        self.widths, self.ef_constructs = fields["widths"], fields["efConstructs"]
        self.threads, self.seed = fields["threads"], fields["seed"]
        self.base, self.queries = self.load("base.npy"), self.load("queries.npy")
        #: ("publish", number of rows) and ("remove", rows), in order.
        self.steps = [
            (kind, self.load(value) if kind == "remove" else value)
            for step in fields["steps"]
            for kind, value in step.items()
        ]
        self.live = np.zeros(len(self.base), bool)
        for kind, value in self.steps:
            if kind == "remove":
                self.live[value] = False
            else:
                self.live[self.published_before(value) : value] = True
        #: For each filter, whether it allows a row; None without filters.
        self.filters = None
        if "filters" in fields:
            self.filters = []
            for name in fields["filters"]:
                allowed = np.zeros(len(self.base), bool)
                allowed[self.load(name)] = True
                self.filters.append(allowed)
            self.filter_of_query = np.array(fields["filterOfQuery"])

    def load(self, name):
        return np.load(self.folder / name)

    def published_before(self, end):
        """Rows that were published before the step that publishes up to `end`."""
        return max([value for kind, value in self.steps if kind == "publish" and value < end], default=0)

    def groups(self):
        """Numbers of queries with the rows that their filter allows, or None."""
        if self.filters is None:
            return [(np.arange(len(self.queries)), None)]
        return [(np.flatnonzero(self.filter_of_query == place), allowed) for place, allowed in enumerate(self.filters)]


class Hnswlib:
    SPACES = {"cosine": "ip", "dot": "ip", "euclid": "l2"}

    def __init__(self, task, ef_construct):
        import hnswlib

        self.task = task
        self.index = hnswlib.Index(self.SPACES[task.metric], task.base.shape[1])
        self.index.init_index(len(task.base), M=task.m, ef_construction=ef_construct, random_seed=task.seed)
        self.index.set_num_threads(task.threads)
        for kind, value in task.steps:
            if kind == "publish":
                first = self.index.element_count
                self.index.add_items(task.base[first:value], np.arange(first, value))
            else:
                for row in value:
                    self.index.mark_deleted(row)

    def search(self, width):
        self.index.set_ef(width)
        ids = np.full((len(self.task.queries), self.task.k), -1, np.int64)
        for numbers, allowed in self.task.groups():
            # A list's method answers faster than a function that looks into an array.
            filters = {} if allowed is None else {"filter": allowed.tolist().__getitem__}
            if allowed is None:
                try:
                    ids[numbers] = self.ask(self.task.queries[numbers], self.task.k)
                    continue
                except NotEnough:
                    pass
            for number in numbers:
                found = self.one(self.task.queries[number], filters)
                ids[number, : len(found)] = found
        return ids

    def one(self, query, filters):
        """All that a walk finds, up to k."""
        for k in range(self.task.k, 0, -1):
            try:
                return self.ask(query[None, :], k, num_threads=1, **filters)[0]
            except NotEnough:
                pass
        return []

    def ask(self, queries, k, **options):
        try:
            return self.index.knn_query(queries, k, **options)[0]
        except RuntimeError as error:
            if "contiguous 2D array" in str(error):
                raise NotEnough from error
            raise


class NotEnough(Exception):
    """hnswlib found less than it was asked for, and then gives nothing at all."""


class Faiss:
    def __init__(self, task, ef_construct):
        import faiss

        self.faiss, self.task = faiss, task
        faiss.omp_set_num_threads(task.threads)
        metric = {"euclid": faiss.METRIC_L2, "manhattan": faiss.METRIC_L1}.get(task.metric, faiss.METRIC_INNER_PRODUCT)
        self.index = faiss.IndexHNSWFlat(task.base.shape[1], task.m, metric)
        self.index.hnsw.efConstruction = ef_construct
        # The library has one generator for levels, which it seeds alike in each index.
        self.index.hnsw.rng = faiss.RandomGenerator(task.seed)
        for kind, value in task.steps:
            # Rows can't be removed from this index; searches exclude them.
            if kind == "publish":
                self.index.add(task.base[self.index.ntotal : value])

    def search(self, width):
        ids = np.full((len(self.task.queries), self.task.k), -1, np.int64)
        for numbers, allowed in self.task.groups():
            parameters = self.faiss.SearchParametersHNSW(efSearch=width)
            admitted = self.task.live if allowed is None else self.task.live & allowed
            if not admitted.all():
                selector = self.faiss.IDSelectorBitmap(np.packbits(admitted, bitorder="little"))
                parameters = self.faiss.SearchParametersHNSW(efSearch=width, sel=selector)
            if len(numbers):
                ids[numbers] = self.index.search(self.task.queries[numbers], self.task.k, params=parameters)[1]
        return ids


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    task = Task(sys.argv[1])
    engines = [Faiss] if task.metric not in Hnswlib.SPACES else [Hnswlib, Faiss]
    for engine in engines:
        for ef_construct in task.ef_constructs:
            index = engine(task, ef_construct)
            ids = np.concatenate([index.search(width) for width in task.widths])
            np.save(task.folder / f"ids-{engine.__name__.lower()}-{ef_construct}.npy", ids)


if __name__ == "__main__":
    main()
