"""Random collections, operations and filters: the server must answer what Qdrant's own engine answers.

Every test prints its seed; TRENDEX_SEED replays it.
"""

import math
from urllib.parse import quote

import pytest

from edge_oracle import EdgeOracle
from generate import INDEXES, TEXT_INDEX, Generator
from harness import Rest, Server

ROUNDS = 10
OPERATIONS = 4
FILTERS = 25
SEARCHES = 6
LIMIT = 10


class Pair:
    """One collection on the server and the same in the oracle."""

    def __init__(self, rest, name, generator, config=None):
        self.rest, self.name, self.generator = rest, name, generator
        self.path = f"/collections/{quote(name, safe='')}"
        self.config = config or generator.vectors_config()
        self.named = "size" not in self.config
        self.oracle = EdgeOracle(self.config)
        self.log = [f"vectors: {self.config}"]
        body = {"vectors": self.config}
        if generator.chance(0.5):
            body["quantization_config"] = {"scalar": {"type": "int8", "quantile": 0.99}}
        rest.put(self.path, body).result
        for key in generator.rng.sample(list(INDEXES), generator.rng.randint(0, len(INDEXES))):
            self.create_index(key, INDEXES[key])
        # The text index on both sides: with one, `match.text` asks for tokens instead of a substring.
        self.create_index("t", TEXT_INDEX)
        self.oracle.create_index("t", TEXT_INDEX)

    def create_index(self, key, schema):
        self.log.append(f"index: {key} {schema}")
        self.rest.put(f"{self.path}/index?wait=true", {"field_name": key, "field_schema": schema}).result

    def close(self):
        self.oracle.close()
        self.rest.delete(self.path)

    def parameters(self, name):
        return self.config[name] if self.named else self.config

    def tolerance(self, name, value):
        """Of an element of a vector."""
        datatype = self.parameters(name).get("datatype", "float32")
        return {"float32": 2e-4, "float16": 4e-3, "uint8": 1e-3}[datatype] * max(1, abs(value))

    def score_tolerance(self, name, score):
        """Products that cancel each other leave the rounding of all of them: some 24 terms of about 1."""
        factor = 3 if self.parameters(name).get("datatype") == "float16" else 1
        return factor * self.tolerance(name, score)

    def change(self):
        present = [i for i, _, _ in self.oracle.everything()]
        operations = [self.generator.operation(self.config, present)]
        if self.generator.chance(0.2) and "upsert" in operations[0]:
            operations.append(self.generator.operation(self.config, present))
            if "upsert" not in operations[1]:
                operations.pop()
        for operation in operations:
            self.log.append(f"operation: {operation}")
            self.oracle.apply(operation)
        self.send(operations)

    def send(self, operations):
        """Through the batch endpoint, or through each operation's own."""
        if len(operations) > 1 or self.generator.chance(0.5):
            results = self.rest.post(f"{self.path}/points/batch?wait=true", {"operations": operations}).result
            assert [r["status"] for r in results] == ["completed"] * len(operations)
            return
        (kind, body), = operations[0].items()
        method, endpoint = {
            "upsert": ("PUT", "points"),
            "delete": ("POST", "points/delete"),
            "update_vectors": ("PUT", "points/vectors"),
            "delete_vectors": ("POST", "points/vectors/delete"),
            "set_payload": ("POST", "points/payload"),
            "overwrite_payload": ("PUT", "points/payload"),
            "delete_payload": ("POST", "points/payload/delete"),
            "clear_payload": ("POST", "points/payload/clear"),
        }[kind]
        if kind == "clear_payload" or kind == "delete":
            body = body if "points" in body else {"filter": body["filter"]}
        result = self.rest.call(method, f"{self.path}/{endpoint}?wait=true", body).result
        assert result["status"] == "completed", result

    # Comparisons.

    def everything(self, filter=None, page=17):
        points, offset = [], None
        while True:
            body = {"limit": page, "with_payload": True, "with_vector": True}
            if filter is not None:
                body["filter"] = filter
            if offset is not None:
                body["offset"] = offset
            result = self.rest.post(f"{self.path}/points/scroll", body).result
            points += result["points"]
            offset = result["next_page_offset"]
            if offset is None:
                return points
            assert len(result["points"]) == page

    def compare_all(self):
        expected, got = self.oracle.everything(), self.everything()
        assert [p["id"] for p in got] == [i for i, _, _ in expected]
        for point, (id, vectors, payload) in zip(got, expected):
            assert point["payload"] == payload, f"payload of {id}: {point['payload']} instead of {payload}"
            self.compare_vectors(id, point.get("vector"), vectors)

    def compare_vectors(self, id, got, expected):
        if not self.named and isinstance(expected, list):
            got, expected = {"": got}, {"": expected}
        assert (got or {}).keys() == expected.keys(), f"vectors of {id}: {got} instead of {expected}"
        for name, vector in expected.items():
            assert len(got[name]) == len(vector)
            for a, b in zip(got[name], vector):
                # Rounding to float16 and normalising it again may differ in the last place.
                assert abs(a - b) <= self.tolerance(name, b), f"vector {name!r} of {id}: {got[name]} instead of {vector}"

    def compare_selected(self):
        selector = self.generator.selector()
        expected = self.oracle.selected(selector)
        body = {"limit": 10_000, "with_payload": selector}
        got = [(p["id"], p["payload"]) for p in self.rest.post(f"{self.path}/points/scroll", body).result["points"]]
        assert [id for id, _ in got] == [id for id, _ in expected]
        for (id, payload), (_, right) in zip(got, expected):
            assert payload == right, f"{selector} of {id}: {payload} instead of {right}"

    def compare_filter(self, filter):
        expected = [i for i, _, _ in self.oracle.everything(filter)]
        got = self.rest.post(
            f"{self.path}/points/scroll", {"filter": filter, "limit": 10_000, "with_payload": False}
        ).result["points"]
        got = [p["id"] for p in got]
        assert got == expected, self.difference(filter, got, expected)
        counted = self.rest.post(f"{self.path}/points/count", {"filter": filter, "exact": True}).result["count"]
        assert counted == len(expected), f"count {counted} instead of {len(expected)}: {filter}"

    def difference(self, filter, got, expected):
        payloads = {i: p for i, _, p in self.oracle.everything()}
        wrong = set(map(str, got)) ^ set(map(str, expected))
        some = [(i, "missing" if i in expected else "too many", payloads.get(i)) for i in payloads if str(i) in wrong]
        return f"filter {filter}: {len(got)} instead of {len(expected)}, e.g. {some[:3] or 'in another order'}"

    def compare_search(self):
        g = self.generator
        name = g.one(list(self.config)) if self.named else ""
        vector = g.vector(self.parameters(name))
        filter = g.filter() if g.chance(0.6) else None
        limit, offset = g.one([1, 3, LIMIT, 500]), g.one([0, 0, 2])
        every = self.oracle.search(vector, name, filter, limit=1000)
        scores = dict(every)
        threshold = None
        if len(every) > 3 and g.chance(0.3):
            at = g.rng.randrange(len(every) - 1)
            gap = abs(every[at][1] - every[at + 1][1])
            if gap > 4 * self.score_tolerance(name, every[at][1]):
                threshold = (every[at][1] + every[at + 1][1]) / 2
        expected = self.oracle.search(vector, name, filter, limit, offset, threshold)
        common = {"limit": limit, "offset": offset}
        if filter is not None:
            common["filter"] = filter
        if threshold is not None:
            common["score_threshold"] = threshold
        for params in ({"exact": True}, {}, {"hnsw_ef": 64, "quantization": {"rescore": True, "oversampling": 2.0}}):
            old = {**common, "params": params, "vector": {"name": name, "vector": vector} if self.named else vector}
            new = {**common, "params": params, "query": vector, **({"using": name} if self.named else {})}
            results = {
                "search": self.rest.post(f"{self.path}/points/search", old).result,
                "query": self.rest.post(f"{self.path}/points/query", new).result["points"],
                "search/batch": self.rest.post(f"{self.path}/points/search/batch", {"searches": [old, old]}).result[1],
                "query/batch": self.rest.post(f"{self.path}/points/query/batch", {"searches": [new]}).result[0]["points"],
            }
            for endpoint, hits in results.items():
                about = f"{endpoint} {new}"
                assert len(hits) == len(expected), f"{about}: {len(hits)} results instead of {len(expected)}"
                assert len({str(h["id"]) for h in hits}) == len(hits), about
                for hit in hits:
                    assert hit["id"] in scores, f"{about}: {hit['id']} does not match"
                    right = scores[hit["id"]]
                    assert abs(hit["score"] - right) <= self.score_tolerance(name, right), f"{about}: {hit}, not {right}"
                if params.get("exact"):
                    for hit, (_, right) in zip(hits, expected):
                        assert abs(hit["score"] - right) <= self.score_tolerance(name, right), f"{about}: {hits} / {expected}"

    def compare_search_by_id(self):
        """A search by a point's id is the search by its vector without the point itself."""
        name = self.generator.one(list(self.config)) if self.named else ""
        points = [(i, v[name] if self.named else v) for i, v, _ in self.oracle.everything()
                  if (name in v if self.named else isinstance(v, list))]
        if not points:
            return
        id, vector = self.generator.one(points)
        expected = [(i, s) for i, s in self.oracle.search(vector, name, limit=LIMIT + 1) if i != id][:LIMIT]
        body = {"query": id, "limit": LIMIT, "params": {"exact": True}, **({"using": name} if self.named else {})}
        hits = self.rest.post(f"{self.path}/points/query", body).result["points"]
        assert id not in [h["id"] for h in hits]
        assert len(hits) == len(expected), (body, hits, expected)
        for hit, (_, right) in zip(hits, expected):
            # The stored vector of a narrow type is widened, normalised and narrowed again on its way.
            assert math.isclose(hit["score"], right, rel_tol=2e-2, abs_tol=2e-2), (body, hits, expected)


def fail_with_log(pair, error):
    log = "\n".join(line[:1500] for line in pair.log[-8:])
    raise AssertionError(f"{error}\nThe last of {len(pair.log)} steps:\n{log}") from error


def run_rounds(pair, rounds=ROUNDS):
    try:
        for _ in range(rounds):
            for _ in range(OPERATIONS):
                pair.change()
            pair.compare_all()
            pair.compare_selected()
            for _ in range(FILTERS):
                pair.compare_filter(pair.generator.filter())
            for _ in range(SEARCHES):
                pair.compare_search()
            pair.compare_search_by_id()
    except AssertionError as error:
        fail_with_log(pair, error)


@pytest.mark.parametrize("case", range(12))
def test_random_collection(rest, seed, case):
    generator = Generator(seed * 1000 + case)
    pair = Pair(rest, f"oracle-{case}", generator)
    try:
        run_rounds(pair)
    finally:
        pair.close()


@pytest.mark.parametrize("kind", sorted(set(INDEXES.values()) | {"text"}))
def test_index_changes_no_answer(rest, seed, kind):
    """The same filters before and after an index on the field, and after it is deleted again."""
    generator = Generator(seed)
    pair = Pair(rest, f"index-{kind}", generator, config={"size": 4, "distance": "Dot"})
    key = "t" if kind == "text" else next(k for k, v in INDEXES.items() if v == kind)
    try:
        for _ in range(6):
            pair.change()
        filters = [f for f in (generator.filter() for _ in range(600)) if f'"{key}"' in str(f).replace("'", '"')][:60]
        for filter in filters:
            pair.compare_filter(filter)
        if kind != "text":
            pair.create_index(key, kind)
        info = rest.get(pair.path).result["payload_schema"][key]
        assert info["data_type"] == kind
        for filter in filters:
            pair.compare_filter(filter)
        pair.change()
        for filter in filters:
            pair.compare_filter(filter)
        if kind != "text":
            rest.delete(f"{pair.path}/index/{quote(key, safe='')}?wait=true").result
            assert key not in rest.get(pair.path).result["payload_schema"]
            for filter in filters[:10]:
                pair.compare_filter(filter)
    except AssertionError as error:
        fail_with_log(pair, error)
    finally:
        pair.close()


@pytest.mark.parametrize("key,kind", [("n", "integer"), ("f", "float"), ("d", "datetime")])
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_ordered_scroll(rest, seed, key, kind, direction):
    generator = Generator(seed)
    pair = Pair(rest, f"ordered-{key}", generator, config={"size": 4, "distance": "Dot"})
    try:
        pair.create_index(key, kind)
        pair.oracle.create_index(key, kind)
        for _ in range(8):
            pair.change()
        for filter in [None] + [generator.filter() for _ in range(10)]:
            order_by = {"key": key, "direction": direction}
            if generator.chance(0.3):
                # The oracle starts from a 64-bit float, so integers past 2^53 would not be comparable.
                order_by["start_from"] = {"n": lambda: generator.rng.randint(-8, 8), "f": generator.real, "d": generator.datetime}[key]()
            limit = generator.one([5, 20, 1000])
            # Of a page that it has filled the oracle drops a point's equal values afterwards, so it is asked for all.
            expected = pair.oracle.ordered(order_by, filter, 100_000)[:limit]
            body = {"limit": limit, "order_by": order_by, "with_payload": True}
            if filter is not None:
                body["filter"] = filter
            got = rest.post(f"{pair.path}/points/scroll", body).result["points"]
            # Points of one value may come in any order, so values are compared, and the ids of complete listings.
            assert len(got) == len(expected), (body, len(got), len(expected))
            values = [p["order_value"] for p in got]
            assert values == pytest.approx([v for _, v in expected]), (body, values, expected)
            if limit == 1000:
                listed = sorted((str(p["id"]), p["order_value"]) for p in got)
                assert listed == sorted((str(i), v) for i, v in expected), body
    except AssertionError as error:
        fail_with_log(pair, error)
    finally:
        pair.close()


def test_restarts(seed):
    """The same comparison while the server is stopped, killed and started again between the rounds."""
    generator = Generator(seed)
    with Server() as server:
        pair = Pair(server.rest, "restarted", generator)
        try:
            for round in range(6):
                run_rounds(pair, rounds=1)
                if round % 2:
                    assert server.stop() == 0, server.log_text()
                else:
                    server.kill()
                server.start()
                pair.rest = server.rest
                pair.log.append("restart")
                try:
                    pair.compare_all()
                except AssertionError as error:
                    fail_with_log(pair, error)
        finally:
            pair.oracle.close()


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("distance", ["Cosine", "Dot", "Euclid", "Manhattan"])
@pytest.mark.parametrize("datatype", ["float32", "float16", "uint8"])
def test_scores_of_each_datatype(rest, seed, datatype, distance, quantized):
    generator = Generator(seed)
    config = {"size": 24, "distance": distance, "datatype": datatype}
    pair = Pair(rest, f"{datatype}-{distance}-{quantized}", generator, config=config)
    try:
        body = {"scalar": {"type": "int8", "always_ram": True}} if quantized else "Disabled"
        assert rest.patch(pair.path, {"quantization_config": body}).result is True
        points = [{"id": i, "vector": generator.vector(config)} for i in range(300)]
        for operation in ({"upsert": {"points": points}}, {"delete": {"points": list(range(0, 300, 7))}}):
            pair.oracle.apply(operation)
            pair.send([operation])
        pair.compare_all()
        for _ in range(12):
            pair.compare_search()
            pair.compare_search_by_id()
    except AssertionError as error:
        fail_with_log(pair, error)
    finally:
        pair.close()
