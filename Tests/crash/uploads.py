"""Uploads that remember what was acknowledged, so that it can be looked for after a crash.

Each writer owns a range of ids and is the only one to write them. A write without an answer may have happened or not:
for its points both states are right, until a later write to them is acknowledged.
"""

import random
import threading

import numpy as np

from harness import Rest, wait_until_green

DIMENSIONS = 64
COLLECTION = "/collections/crashed"
IDS_OF_A_WRITER = 100_000
WRITERS = 3
# Stored rows are float32, and those sent have length 1 in float32, so normalising changes the last place at most.
EXACT = 2e-7


def unit_vector(rng):
    v = rng.standard_normal(DIMENSIONS).astype(np.float32)
    v /= np.linalg.norm(v)
    return v


class Writer(threading.Thread):
    def __init__(self, port, number, seed, known, graceful=False):
        super().__init__()
        self.port, self.number, self.graceful = port, number, graceful
        self.rng, self.numpy_rng = random.Random(seed), np.random.default_rng(seed)
        # id → the states it may be in: a (vector, payload), or None for absent.
        self.known = known
        self.acknowledged = 0
        self.problem = None

    def run(self):
        try:
            self.write()
        except BaseException as error:
            self.problem = error

    def write(self):
        connection = Rest(self.port, timeout=60)
        while True:
            method, path, body, after = self.next_request()
            # Before the request leaves, both the old and the new state become possible.
            for id, state in after.items():
                self.known[id] = self.known.get(id, [None]) + [state]
            try:
                answer = self.send_once(connection, method, path, body)
            except Exception:
                return
            if self.graceful and answer.status == 503:
                return
            answer.result
            for id, state in after.items():
                self.known[id] = [state]
            self.acknowledged += 1

    @staticmethod
    def send_once(connection, method, path, body):
        # A write that is sent twice could come after a later one, so each has a connection that is known to be alive.
        if connection.connection is None:
            connection.get("/healthz")
        return connection.call(method, path, body)

    def own(self, n):
        first = self.number * IDS_OF_A_WRITER
        return [first + self.rng.randrange(4000) for _ in range(n)]

    def certain(self, n):
        """Some of the points that are surely there."""
        sure = [i for i, states in self.known.items() if len(states) == 1 and states[0] is not None]
        return self.rng.sample(sure, min(n, len(sure)))

    def next_request(self):
        kind = self.rng.random()
        if kind < 0.75 or not self.certain(1):
            ids = sorted(set(self.own(self.rng.choice([1, 5, 40, 100]))))
            states = {i: (unit_vector(self.numpy_rng), {"n": self.rng.randrange(1000), "w": self.number}) for i in ids}
            points = [{"id": i, "vector": v.tolist(), "payload": p} for i, (v, p) in states.items()]
            return "PUT", f"{COLLECTION}/points?wait=true", {"points": points}, states
        ids = self.certain(10)
        if kind < 0.85:
            return "POST", f"{COLLECTION}/points/delete?wait=true", {"points": ids}, {i: None for i in ids}
        old = {i: self.known[i][0] for i in ids}
        if kind < 0.95:
            mark = self.rng.randrange(10**9)
            after = {i: (v, {**p, "mark": mark}) for i, (v, p) in old.items()}
            body = {"payload": {"mark": mark}, "points": ids}
            return "POST", f"{COLLECTION}/points/payload?wait=true", body, after
        after = {i: (unit_vector(self.numpy_rng), p) for i, (_, p) in old.items()}
        body = {"points": [{"id": i, "vector": v.tolist()} for i, (v, _) in after.items()]}
        return "PUT", f"{COLLECTION}/points/vectors?wait=true", body, after


def create(rest):
    body = {
        "vectors": {"size": DIMENSIONS, "distance": "Cosine"},
        "quantization_config": {"scalar": {"type": "int8", "quantile": 0.99}},
    }
    rest.put(COLLECTION, body).result
    rest.put(f"{COLLECTION}/index?wait=true", {"field_name": "n", "field_schema": "integer"}).result


def start_writers(server, rng, known, graceful=False):
    writers = [
        Writer(server.port, n, rng.randrange(2**32), known[n], graceful) for n in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    return writers


def matches(state, stored):
    if state is None or stored is None:
        return state is stored
    vector, payload = state
    return stored["payload"] == payload and np.abs(np.array(stored["vector"], np.float32) - vector).max() <= EXACT


def read_all(rest):
    points, offset = {}, None
    while True:
        body = {"limit": 2000, "with_payload": True, "with_vector": True}
        if offset is not None:
            body["offset"] = offset
        result = rest.post(f"{COLLECTION}/points/scroll", body).result
        for point in result["points"]:
            assert point["id"] not in points, f"{point['id']} is listed twice"
            points[point["id"]] = point
        offset = result["next_page_offset"]
        if offset is None:
            return points


def check(rest, known, rng, searches=25):
    """Everything acknowledged is there with equal bytes, nothing else is, and the very first search finds it."""
    everything = {id: states for one in known for id, states in one.items()}
    sure = [i for i, states in everything.items() if len(states) == 1 and states[0] is not None]
    # Search first: it must work at once, not after something has been loaded.
    for i in rng.sample(sure, min(searches, len(sure))):
        body = {"vector": everything[i][0][0].tolist(), "limit": 5}
        hits = rest.post(f"{COLLECTION}/points/search", body).result
        assert hits and hits[0]["id"] == i and hits[0]["score"] > 1 - 1e-4, f"search for {i} found {hits[:2]}"
    points = read_all(rest)
    for id, states in everything.items():
        stored = points.pop(id, None)
        assert any(matches(s, stored) for s in states), (
            f"point {id}: {describe(stored)} instead of one of {[describe_state(s) for s in states]}"
        )
        # What is there now is what will have to be there the next time.
        if len(states) > 1:
            everything_of = known[id // IDS_OF_A_WRITER]
            everything_of[id] = [next(s for s in states if matches(s, stored))]
    assert not points, f"{len(points)} points that nobody wrote, e.g. {next(iter(points.values()))}"
    present = sum(states[0] is not None for one in known for states in one.values())
    assert rest.post(f"{COLLECTION}/points/count", {"exact": True}).result["count"] == present
    below = {"must": [{"key": "n", "range": {"lt": 500}}]}
    expected = sum(s[0] is not None and s[0][1].get("n", 999) < 500 for one in known for s in one.values())
    assert rest.post(f"{COLLECTION}/points/count", {"filter": below, "exact": True}).result["count"] == expected


def check_exact_search(rest, known, rng, queries=10, k=10):
    """Search agrees with a plain computation over what was acknowledged."""
    states = {i: s[0] for one in known for i, s in one.items() if s[0] is not None}
    ids = np.array(list(states))
    vectors = np.array([states[i][0] for i in ids])
    for _ in range(queries):
        query = unit_vector(np.random.default_rng(rng.randrange(2**32)))
        scores = vectors @ query
        hits = rest.post(
            f"{COLLECTION}/points/search", {"vector": query.tolist(), "limit": k, "params": {"exact": True}}
        ).result
        np.testing.assert_allclose([h["score"] for h in hits], np.sort(scores)[::-1][:k], atol=1e-5)


def check_after_indexing(rest, known, rng):
    info = wait_until_green(rest, COLLECTION.rsplit("/", 1)[1])
    present = sum(states[0] is not None for one in known for states in one.values())
    assert info["points_count"] == present
    check(rest, known, rng)


def describe(point):
    return "absent" if point is None else f"{point['payload']} {point['vector'][:3]}"


def describe_state(state):
    return "absent" if state is None else f"{state[1]} {state[0][:3].tolist()}"
