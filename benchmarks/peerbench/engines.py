"""The peers: how each is built, set and asked. Settings are the best ones found for 768-d normalised embeddings."""

import ctypes
import os
import re
import shutil
import tempfile

import numpy as np

from .clocks import Stopwatch

# Sizes of the candidate pool that are swept.
EFS = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]


class Engine:
    """One index. `build` takes normalised float32 rows; `one` and `batch` return row numbers.

    `build` runs `linking` while the engine makes codes and graph of rows that lie ready in memory, and `ingesting`
    while it takes them in beforehand (where the two can be told apart). Our own conversions run neither.
    """

    #: Files or mapped memory that the index needs while it searches, in bytes.
    mapped_bytes = 0

    def __init__(self, config, scratch, threads):
        self.config, self.scratch, self.threads = config, scratch, threads
        self.linking, self.ingesting = Stopwatch(), Stopwatch()

    def settings(self):
        return [{"ef": ef} for ef in self.config.get("efs", EFS)]

    def prepare_queries(self, queries, k):
        """Whatever can be made before the clock starts."""
        self.k = k
        self.single = [np.ascontiguousarray(query[None, :]) for query in queries]
        self.all = queries

    def tune(self, base, speed):
        """The engine's own tuning to this machine, on the core of the searches; `speed` measures QPS. Returns what it
        chose, or `None` where there is nothing to tune."""
        return None

    def save(self):
        """Writes the index to the scratch folder, and returns the bytes of its files."""
        raise NotImplementedError

    def batch(self):
        """All queries in one call, on one thread; `None` where there is no such call."""
        return None


class Hnswlib(Engine):
    def build(self, base):
        import hnswlib

        self.index = hnswlib.Index("ip", base.shape[1])
        self.index.init_index(len(base), M=self.config["m"], ef_construction=self.config["efc"], random_seed=42)
        with self.linking:
            self.index.add_items(base, num_threads=self.threads)

    def apply(self, setting):
        self.index.set_ef(max(setting["ef"], self.k))

    def one(self, query):
        return self.index.knn_query(self.single[query], self.k, num_threads=1)[0][0]

    def batch(self):
        return self.index.knn_query(self.all, self.k, num_threads=1)[0]

    def save(self):
        path = f"{self.scratch}/hnswlib.bin"
        self.index.save_index(path)
        return os.path.getsize(path)


class FaissHnsw(Engine):
    """HNSW over float32, or over 8-bit codes with the best candidates compared again in float32."""

    def build(self, base):
        import faiss

        self.faiss = faiss
        faiss.omp_set_num_threads(self.threads)
        d, m = base.shape[1], self.config["m"]
        if self.config.get("sq8"):
            self.graph = faiss.IndexHNSWSQ(d, faiss.ScalarQuantizer.QT_8bit, m, faiss.METRIC_INNER_PRODUCT)
            self.index = faiss.IndexRefineFlat(self.graph)
            self.index.k_factor = 2
        else:
            self.graph = self.index = faiss.IndexHNSWFlat(d, m, faiss.METRIC_INNER_PRODUCT)
        self.graph.hnsw.efConstruction = self.config["efc"]
        with self.linking:
            self.index.train(base)
            self.index.add(base)
        faiss.omp_set_num_threads(1)

    def apply(self, setting):
        self.graph.hnsw.efSearch = setting["ef"]

    def one(self, query):
        return self.index.search(self.single[query], self.k)[1][0]

    def batch(self):
        return self.index.search(self.all, self.k)[1]

    def save(self):
        path = f"{self.scratch}/faiss.bin"
        self.faiss.write_index(self.index, path)
        return os.path.getsize(path)


class FaissExact(Engine):
    def build(self, base):
        import faiss

        faiss.omp_set_num_threads(1)
        self.index = faiss.IndexFlatIP(base.shape[1])
        with self.linking:
            self.index.add(base)

    def settings(self):
        return [{"ef": 0}]

    def apply(self, setting):
        pass

    def one(self, query):
        return self.index.search(self.single[query], self.k)[1][0]

    def batch(self):
        return self.index.search(self.all, self.k)[1]

    def save(self):
        return 0


class Usearch(Engine):
    def build(self, base):
        from usearch.index import Index

        dtype = self.config["dtype"]
        self.index = Index(
            ndim=base.shape[1],
            metric="cos" if dtype == "i8" else "ip",
            dtype=dtype,
            connectivity=self.config["m"],
            expansion_add=self.config["efc"],
        )
        ids = np.arange(len(base), dtype=np.uint64)
        with self.linking:
            self.index.add(ids, base, threads=self.threads)

    def prepare_queries(self, queries, k):
        super().prepare_queries(queries, k)
        self.single = [np.ascontiguousarray(query) for query in queries]

    def apply(self, setting):
        self.index.expansion_search = setting["ef"]

    def one(self, query):
        return self.index.search(self.single[query], self.k, threads=1).keys.astype(np.int64)

    def batch(self):
        return self.index.search(self.all, self.k, threads=1).keys.astype(np.int64)

    def save(self):
        path = f"{self.scratch}/usearch.bin"
        self.index.save(path)
        return os.path.getsize(path)


class Pyglass(Engine):
    """HNSW; walks on SQ8U or SQ4U codes and compares the candidates again in float16."""

    def build(self, base):
        import glass

        glass.set_num_threads(self.threads)
        path = f"{self.scratch}/glass.graph"
        index = glass.Index("HNSW", "IP", self.config["build"], 2 * self.config["m"], self.config["efc"])
        with self.linking:
            graph = index.build(base)
        # A searcher takes the graph over, so it gets one of its own from the file.
        graph.save(path)
        self.new_searcher(base)
        glass.set_num_threads(1)
        code_bytes = {"SQ8U": 1, "SQ4U": 0.5}[self.config["codes"]]
        self.bytes = os.path.getsize(path) + int(base.size * (code_bytes + 2))

    def prepare_queries(self, queries, k):
        super().prepare_queries(queries, k)
        self.single = [np.ascontiguousarray(query) for query in queries]

    def new_searcher(self, base):
        import glass

        self.graph = glass.Graph(f"{self.scratch}/glass.graph")
        with self.linking:
            self.searcher = glass.Searcher(self.graph, base, "IP", self.config["codes"], self.config["refine"])

    def tune(self, base, speed):
        """Its tuner tries how far ahead and how much to prefetch, and prints what it takes. It is easily misled by
        noise and may be called but once a searcher, so the best of three tuned searchers and the untuned one serves."""
        untuned = speed()
        best, searcher, graph = {"qpsUntuned": untuned, "qps": untuned}, self.searcher, self.graph
        for _ in range(3):
            self.new_searcher(np.array(base))
            self.searcher.set_ef(32)
            text = printed(lambda: self.searcher.optimize(1))
            found = re.search(r"best po = (\d+), best pl = (\d+)", text)
            if not found:
                raise RuntimeError("pyglass's optimize() told no prefetch settings, so it can't have taken effect")
            qps = speed()
            if qps > best["qps"]:
                best |= {"qps": qps, "prefetchDistance": int(found[1]), "prefetchLines": int(found[2])}
                searcher, graph = self.searcher, self.graph
        self.searcher, self.graph = searcher, graph
        return best

    def apply(self, setting):
        self.searcher.set_ef(setting["ef"])

    def one(self, query):
        return self.searcher.search(self.single[query], self.k)[0]

    def batch(self):
        return np.asarray(self.searcher.batch_search(self.all, self.k, 1)[0]).reshape(len(self.all), self.k)

    def save(self):
        return self.bytes  # Only the graph can be saved; the codes are made again from the vectors.


class PyglassAVX512(Pyglass):
    """The older release whose wheel has AVX-512 kernels. `level` 1 walks on 8-bit codes, 2 on 4-bit codes and refines."""

    def build(self, base):
        import glassppy as glass

        glass.set_num_threads(self.threads)
        path = f"{self.scratch}/glass.graph"
        index = glass.Index("HNSW", base.shape[1], "IP", 2 * self.config["m"], self.config["efc"])
        with self.linking:
            graph = index.build(base)
        graph.save(path)
        self.new_searcher(base)
        glass.set_num_threads(1)

    def save(self):
        return None  # The graph alone can be saved, and how large its codes and what refines them are isn't told.

    def new_searcher(self, base):
        import glassppy as glass

        self.graph = glass.Graph(f"{self.scratch}/glass.graph")
        with self.linking:
            self.searcher = glass.Searcher(self.graph, base, "IP", self.config["level"])

    def one(self, query):
        return self.searcher.search(self.single[query], self.k)

    def batch(self):
        return np.asarray(self.searcher.batch_search(self.all, self.k, 1)).reshape(len(self.all), self.k)


def printed(work):
    """What `work` writes to the process's standard output, from whichever language."""
    with tempfile.TemporaryFile("w+") as file:
        kept = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            work()
            ctypes.CDLL(None).fflush(None)
        finally:
            os.dup2(kept, 1)
            os.close(kept)
        file.seek(0)
        return file.read()


class Svs(Engine):
    """Vamana over float32 or float16, LVQ or LeanVec. The wheel refuses the latter two on CPUs that aren't Intel's."""

    def build(self, base):
        import svs

        kind = self.config["kind"]
        parameters = svs.VamanaBuildParameters(
            alpha=0.95, graph_max_degree=self.config["degree"], window_size=self.config["window"]
        )
        if kind in ("float32", "float16"):
            data = base.astype(kind)
        else:
            path = f"{self.scratch}/svs.fvecs"
            svs.write_vecs(base, path)
            vectors = svs.VectorDataLoader(path, svs.float32)
            if kind.startswith("leanvec"):
                primary = svs.LeanVecKind.lvq4 if kind.endswith("lvq4") else svs.LeanVecKind.lvq8
                data = svs.LeanVecLoader(vectors, int(kind[7:10]), primary, svs.LeanVecKind.lvq8)
            else:
                primary, residual = {"lvq8": (8, 0), "lvq4x8": (4, 8), "lvq4x4": (4, 4)}[kind]
                data = svs.LVQLoader(vectors, primary, residual)
        self.svs = svs
        with self.linking:
            self.index = svs.Vamana.build(parameters, data, svs.DistanceType.MIP, num_threads=self.threads)
        self.index.num_threads = 1

    def apply(self, setting):
        window = max(setting["ef"], self.k)
        parameters = self.svs.VamanaSearchParameters()
        # Two-level codes rescore what is in the buffer: the capacity beyond the window costs little.
        two_levels = self.config["kind"].startswith(("lean", "lvq4"))
        parameters.buffer_config = self.svs.SearchBufferConfig(window, window * 3 // 2 if two_levels else window)
        self.index.search_parameters = parameters

    def one(self, query):
        return self.index.search(self.single[query], self.k)[0][0].astype(np.int64)

    def batch(self):
        return self.index.search(self.all, self.k)[0].astype(np.int64)

    def save(self):
        folders = [f"{self.scratch}/svs-{part}" for part in ("config", "graph", "data")]
        self.index.save(*folders)
        return sum(tree_bytes(folder) for folder in folders)


class QdrantEdge(Engine):
    """Qdrant's engine in process: int8 scalar quantization, rescored, one segment."""

    def build(self, base, payloads=None, indexes=()):
        import qdrant_edge as qe

        self.qe = qe
        self.path = f"{self.scratch}/qdrant-edge"
        shutil.rmtree(self.path, ignore_errors=True)
        os.makedirs(self.path)
        config = qe.EdgeConfig(
            vectors=qe.EdgeVectorParams(base.shape[1], qe.Distance.Cosine),
            hnsw_config=qe.HnswIndexConfig(
                self.config["m"], self.config["efc"], 10_000, max_indexing_threads=self.threads
            ),
            quantization_config=qe.ScalarQuantizationConfig(qe.ScalarType.Int8, 0.99, memory=qe.Memory.Pinned),
            optimizers=qe.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=1000),
            max_search_threads=1,
            search_pool_core=self.config.get("core"),
        )
        self.shard = qe.EdgeShard.create(self.path, config)
        for key, kind in indexes:
            schema = {
                "keyword": qe.KeywordIndexParams,
                "integer": qe.IntegerIndexParams,
                "datetime": qe.DatetimeIndexParams,
            }[kind]()
            self.shard.update(qe.UpdateOperation.create_field_index(key, schema))
        for start in range(0, len(base), 500):
            points = [
                qe.Point(row, base[row].tolist(), payloads[row] if payloads else None)
                for row in range(start, min(start + 500, len(base)))
            ]
            with self.ingesting:
                self.shard.update(qe.UpdateOperation.upsert_points(points))
        with self.ingesting:
            self.shard.flush()
        with self.linking:
            while self.shard.optimize():
                pass
        self.shard.flush()

    def prepare_queries(self, queries, k):
        super().prepare_queries(queries, k)
        self.vectors = [query.tolist() for query in queries]

    def settings(self):
        return [{"ef": ef, "oversampling": o} for o in (1.0, 2.0) for ef in self.config.get("efs", EFS)]

    def parameters(self, setting):
        return self.qe.SearchParams(
            hnsw_ef=setting["ef"],
            quantization=self.qe.QuantizationSearchParams(rescore=True, oversampling=setting["oversampling"]),
            acorn=self.qe.AcornSearchParams(True, 1.0) if setting.get("acorn") else None,
        )

    def apply(self, setting, filters=None):
        parameters = self.parameters(setting)
        self.requests = [
            self.qe.QueryRequest(
                limit=self.k,
                query=self.qe.Query.Nearest(vector),
                params=parameters,
                filter=filters[query if len(filters) > 1 else 0] if filters else None,
                with_payload=False,
                with_vector=False,
            )
            for query, vector in enumerate(self.vectors)
        ]
        self.batch_request = self.qe.QueryBatchRequest(self.requests)

    def one(self, query):
        return [point.id for point in self.shard.query(self.requests[query])]

    def batch(self):
        return [[point.id for point in points] for points in self.shard.query_batch(self.batch_request)]

    @property
    def mapped_bytes(self):
        return tree_bytes(self.path)

    def save(self):
        return tree_bytes(self.path)


def tree_bytes(path):
    """Bytes on disk below a folder (allocated ones: files with holes count what they hold)."""
    return sum(os.stat(f"{root}/{name}").st_blocks * 512 for root, _, files in os.walk(path) for name in files)


CLASSES = {
    "hnswlib": Hnswlib,
    "faiss": FaissHnsw,
    "faiss-exact": FaissExact,
    "usearch": Usearch,
    "pyglass": Pyglass,
    "pyglass-avx512": PyglassAVX512,
    "scalable-vs": Svs,
    "qdrant-edge": QdrantEdge,
}

# "modes" are the rows of ratios that a configuration of ours belongs to.
CONFIGS = [
    {"engine": "hnswlib", "label": "m 16", "m": 16, "efc": 200},
    {"engine": "hnswlib", "label": "m 32", "m": 32, "efc": 200},
    {"engine": "faiss", "label": "HNSW flat m 16", "m": 16, "efc": 200},
    {"engine": "faiss", "label": "HNSW flat m 32", "m": 32, "efc": 200},
    {"engine": "faiss", "label": "HNSW SQ8 refined m 32", "m": 32, "efc": 200, "sq8": True},
    {"engine": "usearch", "label": "f32 m 16", "m": 16, "efc": 128, "dtype": "f32"},
    {"engine": "usearch", "label": "bf16 m 16", "m": 16, "efc": 128, "dtype": "bf16"},
    {"engine": "usearch", "label": "i8 m 16", "m": 16, "efc": 128, "dtype": "i8"},
    {"engine": "pyglass", "label": "SQ8U, fp16, m 16", "m": 16, "efc": 200, "build": "SQ8U", "codes": "SQ8U", "refine": "FP16"},
    {"engine": "pyglass", "label": "SQ4U, fp16, m 16", "m": 16, "efc": 200, "build": "SQ8U", "codes": "SQ4U", "refine": "FP16"},
    {"engine": "pyglass", "label": "SQ4U, fp16, m 32", "m": 32, "efc": 200, "build": "SQ8U", "codes": "SQ4U", "refine": "FP16"},
    {"engine": "pyglass-avx512", "label": "8 bits, m 16", "m": 16, "efc": 200, "level": 1, "python": "3.10"},
    {"engine": "pyglass-avx512", "label": "4 bits refined, m 16", "m": 16, "efc": 200, "level": 2, "python": "3.10"},
    {"engine": "pyglass-avx512", "label": "4 bits refined, m 32", "m": 32, "efc": 200, "level": 2, "python": "3.10"},
    {"engine": "scalable-vs", "label": "float16, degree 64", "kind": "float16", "degree": 64, "window": 128},
    {"engine": "scalable-vs", "label": "LVQ8, degree 64", "kind": "lvq8", "degree": 64, "window": 128},
    {"engine": "scalable-vs", "label": "LVQ4x8, degree 64", "kind": "lvq4x8", "degree": 64, "window": 128},
    {"engine": "scalable-vs", "label": "LeanVec 192, degree 64", "kind": "leanvec192-lvq8", "degree": 64, "window": 128},
    {"engine": "scalable-vs", "label": "LeanVec 256, degree 64", "kind": "leanvec256-lvq8", "degree": 64, "window": 128},
    {"engine": "qdrant-edge", "label": "int8, m 16", "m": 16, "efc": 100},
    {"engine": "qdrant-edge", "label": "int8, m 32", "m": 32, "efc": 200},
    {"engine": "trendex", "label": "m 16", "m": 16, "efc": 100, "modes": ["best"]},
    {"engine": "trendex", "label": "m 32", "m": 32, "efc": 200, "modes": ["best"]},
    {"engine": "trendex", "label": "int8 walk, m 16", "m": 16, "efc": 100, "firstStage": "none", "modes": ["rescored"]},
    {"engine": "trendex", "label": "int8 walk, m 32", "m": 32, "efc": 200, "firstStage": "none", "modes": ["rescored"]},
    {"engine": "trendex", "label": "int8 alone, m 32", "m": 32, "efc": 200, "firstStage": "none", "rescore": False, "modes": ["int8"]},
    {"engine": "trendex", "label": "m 16, AVX2 kernels", "m": 16, "efc": 100, "simd": "avx2", "modes": ["avx2"]},
    {"engine": "trendex", "label": "m 32, AVX2 kernels", "m": 32, "efc": 200, "simd": "avx2", "modes": ["avx2"]},
]

FILTERED_CONFIGS = [
    {"engine": "trendex", "label": "engine, m 16", "m": 16, "efc": 100},
    {"engine": "qdrant-edge", "label": "int8, m 16", "m": 16, "efc": 100},
    {"engine": "qdrant-edge", "label": "int8, m 32", "m": 32, "efc": 200},
]
