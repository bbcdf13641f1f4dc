"""Random collections, payloads, operations and filters, all from one seed. Small vocabularies, so that filters match."""

import random
import uuid

# The last two look alike, and are other words.
WORDS = "solar river bread piano winter robot garden ticket copper lantern".split() + ["caf\u00e9", "cafe\u0301"]
UUIDS = [str(uuid.UUID(int=random.Random(n).getrandbits(128), version=4)) for n in range(6)]
INDEXES = {
    "k": "keyword", "n": "integer", "f": "float", "b": "bool", "u": "uuid", "d": "datetime", "g": "geo",
    "o.a": "keyword", "o.list[].x": "integer", "o.list[].y": "keyword",
}
# A key that a path has to quote.
QUOTED = '"ключ ü"'
# Paths into such payloads, some of which lead nowhere.
PATHS = (
    "k k.x n n[] o o.a o.list o.list[] o.list[].x o.list[].y o.list[0] o.list[0].x o.list[1].y o.x[].y g.lat e e[] t[0] "
    "nothing nothing.x"
).split() + [QUOTED]
# A text index changes what `match.text` means, so the oracle has to have it too.
TEXT_INDEX = {"type": "text", "tokenizer": "word", "lowercase": True, "phrase_matching": True}


class Generator:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.ids = list(range(0, 120)) + [2**63 - 1] + [str(uuid.UUID(int=self.rng.getrandbits(128))) for _ in range(60)]

    def chance(self, p):
        return self.rng.random() < p

    def one(self, items):
        return self.rng.choice(items)

    # Collections and vectors.

    def vectors_config(self):
        def parameters():
            p = {"size": self.rng.choice([1, 3, 8, 17, 40]), "distance": self.one(["Cosine", "Dot", "Euclid", "Manhattan"])}
            if self.chance(0.25):
                p["datatype"] = self.one(["float32", "float16", "uint8"])
            return p

        if self.chance(0.4):
            return parameters()
        return {name: parameters() for name in self.rng.sample(["text", "image", "a b/ü", "v"], self.rng.randint(1, 3))}

    def vector(self, parameters):
        if parameters.get("datatype") == "uint8":
            return [float(self.rng.randint(0, 255)) for _ in range(parameters["size"])]
        # Qdrant stores cosine vectors shorter than 0.00035 as they are.
        components = (round(self.rng.gauss(0, 1), 4) for _ in range(parameters["size"]))
        return [c if abs(c) > 0.001 else 0.5 for c in components]

    def point_vector(self, config, some_missing=True):
        if "size" in config:
            return self.vector(config)
        names = [n for n in config if not some_missing or self.chance(0.8)]
        return {n: self.vector(config[n]) for n in names}

    # Payloads.

    def word(self):
        return self.one(WORDS)

    def sentence(self):
        words = [self.word() for _ in range(self.rng.randint(1, 5))]
        return self.one([" ", ", ", " - "]).join(w.capitalize() if self.chance(0.3) else w for w in words)

    def integer(self):
        return self.rng.randint(-8, 8) if self.chance(0.95) else self.one([2**53 + 1, -(2**40), 2**62])

    def real(self):
        return round(self.rng.uniform(-5, 5), 2)

    def datetime(self):
        day = f"20{self.rng.randint(18, 25)}-{self.rng.randint(1, 12):02}-{self.rng.randint(1, 28):02}"
        clock = f"{self.rng.randint(0, 23):02}:{self.rng.randint(0, 59):02}:{self.rng.randint(0, 59):02}"
        return self.one(
            [f"{day}T{clock}Z", f"{day}T{clock}+02:00", f"{day}T{clock}.123456Z", f"{day}T{clock}", f"{day} {clock}", day]
        )

    def geo(self):
        return {"lon": round(self.rng.uniform(-180, 180), 4), "lat": round(self.rng.uniform(-85, 85), 4)}

    def wrapped(self, value):
        """Mostly one value, sometimes an array, null, an empty array or a value of another type."""
        r = self.rng.random()
        if r < 0.60:
            return value()
        if r < 0.85:
            return [value() for _ in range(self.rng.randint(1, 3))]
        return self.one([None, [], [None], "text", 7, True, {}, {"x": 1}, [value(), None], 2.5])

    def inner(self):
        o = {}
        if self.chance(0.7):
            o["a"] = self.wrapped(self.word)
        if self.chance(0.7):
            o["list"] = [
                {k: v() for k, v in (("x", lambda: self.rng.randint(0, 3)), ("y", self.word)) if self.chance(0.8)}
                for _ in range(self.rng.randint(0, 3))
            ]
        return o

    def payload(self):
        fields = {
            "k": lambda: self.wrapped(self.word),
            "n": lambda: self.wrapped(self.integer),
            "f": lambda: self.wrapped(self.real),
            "b": lambda: self.wrapped(lambda: self.chance(0.5)),
            "u": lambda: self.wrapped(lambda: self.one(UUIDS)),
            "d": lambda: self.wrapped(self.datetime),
            "g": lambda: self.wrapped(self.geo),
            "t": lambda: self.wrapped(self.sentence),
            "o": self.inner,
            "e": lambda: self.one([None, [], {}, "", 0, False, [[]], [1, 2, 3]]),
            QUOTED.strip('"'): lambda: self.wrapped(self.word),
        }
        return {name: make() for name, make in fields.items() if self.chance(0.55)}

    def selector(self):
        """A `with_payload` that names keys."""
        return {self.one(["include", "exclude"]): self.rng.sample(PATHS, self.rng.randint(1, 3))}

    # Operations, in the form of the batch endpoint.

    def operation(self, config, present):
        """`present`: the ids of the points there are; an operation on one that isn't there would be an error."""
        kind = self.rng.choices(
            ["upsert", "delete", "update_vectors", "delete_vectors", "set_payload", "overwrite_payload",
             "delete_payload", "clear_payload"],
            [10, 1, 2, 1, 3, 1, 2, 1],
        )[0]
        if kind == "upsert":
            ids = self.rng.sample(self.ids, self.rng.randint(1, 25))
            if "size" in config and self.chance(0.4):
                return {kind: {"batch": {
                    "ids": ids,
                    "vectors": [self.vector(config) for _ in ids],
                    "payloads": [self.payload() if self.chance(0.9) else None for _ in ids],
                }}}
            if "size" not in config and self.chance(0.3):
                return {kind: {"batch": {
                    "ids": ids, "vectors": {n: [self.vector(p) for _ in ids] for n, p in config.items()},
                }}}
            return {kind: {"points": [
                {"id": i, "vector": self.point_vector(config), **({"payload": self.payload()} if self.chance(0.9) else {})}
                for i in ids
            ]}}
        if not present:
            return {"delete": {"points": self.rng.sample(self.ids, 3)}}
        body = self.selection(present)
        if kind == "delete":
            if "filter" in body:
                body = {"filter": {"must": [self.condition(), self.condition()]}}
        elif kind == "update_vectors":
            chosen = self.rng.sample(present, min(len(present), self.rng.randint(1, 5)))
            body = {"points": [{"id": i, "vector": self.point_vector(config)} for i in chosen]}
        elif kind == "delete_vectors":
            names = [""] if "size" in config else self.rng.sample(list(config), self.rng.randint(1, len(config)))
            body["vector"] = names
        elif kind in ("set_payload", "overwrite_payload"):
            body["payload"] = {**self.payload(), **({"k": None} if self.chance(0.1) else {})}
            if kind == "set_payload" and self.chance(0.3):
                body["key"] = self.one(["o", "o.list[]", "o.list[0]", "fresh.path", "o.b.c"])
                body["payload"] = {"x": self.rng.randint(0, 3), "y": self.word()}
        elif kind == "delete_payload":
            body["keys"] = self.rng.sample(PATHS, 2)
        return {kind: body}

    def selection(self, present):
        if self.chance(0.5):
            return {"points": self.rng.sample(present, min(len(present), self.rng.randint(1, 8)))}
        return {"filter": self.filter()}

    # Filters.

    def filter(self, depth=0):
        clauses = self.rng.sample(["must", "should", "must_not", "min_should"], self.rng.choice([1, 1, 2, 3]))
        f = {}
        for clause in clauses:
            conditions = [self.condition(depth) for _ in range(self.rng.randint(1, 3))]
            if clause == "min_should":
                f[clause] = {"conditions": conditions, "min_count": self.rng.randint(1, len(conditions))}
            else:
                f[clause] = conditions
        return f

    def bounds(self, value):
        ops = self.rng.choice([["gte"], ["lt"], ["gt", "lte"], ["gte", "lte"], ["lt", "gt"], ["lte"]])
        values = sorted((value() for _ in ops), key=str) if self.chance(0.5) else [value() for _ in ops]
        return dict(zip(ops, values))

    def condition(self, depth=0):
        r = self.rng.random()
        if depth < 3 and r < 0.12:
            return self.filter(depth + 1)
        if r < 0.17:
            return {"has_id": self.rng.sample(self.ids, 20)}
        if r < 0.24:
            key = self.one(["k", "n", "e", "o", "o.a", "o.list", "o.list[].x", "nothing", "o.nothing", "g"])
            return {self.one(["is_empty", "is_null"]): {"key": key}}
        if r < 0.29:
            return {"nested": {"key": self.one(["o.list", "o.list[]"]), "filter": {"must": [
                {"key": "x", "match": {"value": self.rng.randint(0, 3)}},
                {"key": "y", "match": {"any": self.rng.sample(WORDS, 4)}},
            ]}}}
        if r < 0.34:
            key = self.one(["k", "n", "o.list", "e", "nothing", "g", "o.list[].x"])
            return {"key": key, "values_count": self.bounds(lambda: self.rng.randint(0, 3))}
        return self.field_condition()

    def field_condition(self):
        kind = self.one(["k", "k", "n", "n", "f", "b", "u", "d", "g", "t", "o.a", "o.list[].x", "o.list[].y", QUOTED,
                         "o.list[0].x", "k[]", "n[1]"])
        if kind in ("k", "k[]", "o.a", "o.list[].y", QUOTED):
            return {"key": kind, "match": self.match(self.word)}
        if kind in ("n", "n[1]", "o.list[].x", "o.list[0].x"):
            if self.chance(0.5):
                return {"key": kind, "range": self.bounds(lambda: self.one([self.integer, self.real])())}
            return {"key": kind, "match": self.match(self.integer)}
        if kind == "f":
            return {"key": kind, "range": self.bounds(self.real)}
        if kind == "b":
            return {"key": kind, "match": {"value": self.chance(0.5)}}
        if kind == "u":
            return {"key": kind, "match": self.match(lambda: self.one(UUIDS))}
        if kind == "d":
            return {"key": kind, "range": self.bounds(self.datetime)}
        if kind == "t":
            text = " ".join(self.one([str.lower, str.upper, str])(self.word()) for _ in range(self.rng.randint(1, 2)))
            return {"key": kind, "match": {self.one(["text", "text_any", "phrase"]): text}}
        return {"key": "g", **self.geo_predicate()}

    def match(self, value):
        r = self.rng.random()
        if r < 0.5:
            return {"value": value()}
        return {"any" if r < 0.8 else "except": [value() for _ in range(self.rng.randint(1, 4))]}

    def geo_predicate(self):
        r = self.rng.random()
        center = self.geo()
        if r < 0.35:
            return {"geo_radius": {"center": center, "radius": self.rng.uniform(1e5, 8e6)}}
        west, east = sorted([self.rng.uniform(-180, 180), self.rng.uniform(-180, 180)])
        south, north = sorted([self.rng.uniform(-85, 85), self.rng.uniform(-85, 85)])
        if r < 0.7:
            if self.chance(0.2):
                # Across the antimeridian.
                west, east = east, west
            return {"geo_bounding_box": {"top_left": {"lon": west, "lat": north}, "bottom_right": {"lon": east, "lat": south}}}
        ring = [(west, south), (east, south), (east, north), ((west + east) / 2, (south + north) / 2), (west, south)]
        return {"geo_polygon": {"exterior": {"points": [{"lon": x, "lat": y} for x, y in ring]}}}
