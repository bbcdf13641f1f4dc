"""The oracle: Qdrant's own engine in process, driven by the bodies of REST requests."""

import shutil
import tempfile
from uuid import UUID

import qdrant_edge as edge

DISTANCES = {
    "Cosine": edge.Distance.Cosine,
    "Dot": edge.Distance.Dot,
    "Euclid": edge.Distance.Euclid,
    "Manhattan": edge.Distance.Manhattan,
}
DATATYPES = {
    "float32": edge.VectorStorageDatatype.Float32,
    "float16": edge.VectorStorageDatatype.Float16,
    "uint8": edge.VectorStorageDatatype.Uint8,
}
INDEXES = {
    "keyword": edge.KeywordIndexParams,
    "integer": edge.IntegerIndexParams,
    "float": edge.FloatIndexParams,
    "bool": edge.BoolIndexParams,
    "uuid": edge.UuidIndexParams,
    "datetime": edge.DatetimeIndexParams,
    "geo": edge.GeoIndexParams,
    "text": edge.TextIndexParams,
}
TOKENIZERS = {
    "word": edge.TokenizerType.Word,
    "whitespace": edge.TokenizerType.Whitespace,
    "prefix": edge.TokenizerType.Prefix,
    "multilingual": edge.TokenizerType.Multilingual,
}

# The oracle's Python binding takes a boolean to be matched for an integer, so what is true and false under this key
# is kept as words under another one, which nobody sees.
BOOLEAN, WORDS_OF_BOOLEAN = "b", "b in words"


def with_words(payload):
    if payload is None or BOOLEAN not in payload:
        return payload
    value = payload[BOOLEAN]
    words = [str(v).lower() for v in (value if isinstance(value, list) else [value]) if isinstance(v, bool)]
    return {**payload, WORDS_OF_BOOLEAN: words or None}


def without_words(payload):
    return {k: v for k, v in (payload or {}).items() if k != WORDS_OF_BOOLEAN}


def to_filter(f):
    """A filter in its REST form, as the oracle's."""
    if f is None:
        return None
    assert f.keys() <= {"must", "should", "must_not", "min_should"}, f
    clause = lambda name: [to_condition(c) for c in f[name]] if f.get(name) is not None else None
    least = None
    if "min_should" in f:
        least = edge.MinShould([to_condition(c) for c in f["min_should"]["conditions"]], f["min_should"]["min_count"])
    return edge.Filter(must=clause("must"), should=clause("should"), must_not=clause("must_not"), min_should=least)


def to_condition(c):
    if "is_empty" in c and "key" not in c:
        return edge.IsEmptyCondition(c["is_empty"]["key"])
    if "is_null" in c and "key" not in c:
        return edge.IsNullCondition(c["is_null"]["key"])
    if "has_id" in c:
        return edge.HasIdCondition(set(map(to_id, c["has_id"])))
    if "has_vector" in c:
        return edge.HasVectorCondition(c["has_vector"])
    if "nested" in c:
        return edge.NestedCondition(c["nested"]["key"], to_filter(c["nested"]["filter"]))
    if "key" not in c:
        return to_filter(c)
    (kind,) = c.keys() - {"key"}
    if kind == "match" and isinstance(c["match"].get("value"), bool):
        assert c["key"] == BOOLEAN, c
        return edge.FieldCondition(f'"{WORDS_OF_BOOLEAN}"', match=edge.MatchValue(str(c["match"]["value"]).lower()))
    return edge.FieldCondition(c["key"], **{kind: PREDICATES[kind](c[kind])})


def to_id(id):
    return UUID(id) if isinstance(id, str) else id


def from_id(id):
    return id if isinstance(id, int) else str(id)


def geo_point(p):
    return edge.GeoPoint(lon=p["lon"], lat=p["lat"])


def to_match(m):
    (kind, value), = m.items()
    return {
        "value": edge.MatchValue,
        "any": edge.MatchAny,
        "except": edge.MatchExcept,
        "text": edge.MatchText,
        "text_any": edge.MatchTextAny,
        "phrase": edge.MatchPhrase,
    }[kind](value)


def to_range(r):
    return edge.RangeDateTime(**r) if any(isinstance(v, str) for v in r.values()) else edge.RangeFloat(**r)


PREDICATES = {
    "match": to_match,
    "range": to_range,
    "values_count": lambda v: edge.ValuesCount(**v),
    "geo_bounding_box": lambda b: edge.GeoBoundingBox(geo_point(b["top_left"]), geo_point(b["bottom_right"])),
    "geo_radius": lambda r: edge.GeoRadius(geo_point(r["center"]), r["radius"]),
    "geo_polygon": lambda p: edge.GeoPolygon(
        [geo_point(q) for q in p["exterior"]["points"]],
        [[geo_point(q) for q in ring["points"]] for ring in p.get("interiors", [])],
    ),
    "is_empty": bool,
    "is_null": bool,
}


class EdgeOracle:
    def __init__(self, vectors):
        """`vectors` is the REST form: parameters of the one unnamed vector, or of each name."""
        named = vectors if "size" not in vectors else {"": vectors}
        self.folder = tempfile.mkdtemp(prefix="trendex-oracle-")
        parameters = {
            name: edge.EdgeVectorParams(
                size=p["size"], distance=DISTANCES[p["distance"]], datatype=DATATYPES[p.get("datatype", "float32")]
            )
            for name, p in named.items()
        }
        self.shard = edge.EdgeShard.create(self.folder, edge.EdgeConfig(vectors=parameters, wal_enabled=False))

    def close(self):
        self.shard.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Writes, each in the form that `POST /collections/{c}/points/batch` takes.

    def apply(self, operation):
        (kind, body), = operation.items()
        getattr(self, kind)(body)

    def upsert(self, body):
        if "batch" in body:
            b = body["batch"]
            payloads = b.get("payloads") or [None] * len(b["ids"])
            if isinstance(b["vectors"], dict):
                vectors = [{n: rows[i] for n, rows in b["vectors"].items()} for i in range(len(b["ids"]))]
            else:
                vectors = b["vectors"]
            rows = zip(b["ids"], vectors, payloads)
        else:
            rows = ((p["id"], p["vector"], p.get("payload")) for p in body["points"])
        points = [edge.Point(to_id(i), v, with_words(p)) for i, v, p in rows]
        self.shard.update(edge.UpdateOperation.upsert_points(points))

    def by(self, name, body, *more, **named):
        if "points" in body:
            operation = getattr(edge.UpdateOperation, name)(list(map(to_id, body["points"])), *more, **named)
        else:
            operation = getattr(edge.UpdateOperation, f"{name}_by_filter")(to_filter(body["filter"]), *more, **named)
        self.shard.update(operation)

    def delete(self, body):
        self.by("delete_points", body)

    def update_vectors(self, body):
        points = [edge.PointVectors(to_id(p["id"]), p["vector"]) for p in body["points"]]
        self.shard.update(edge.UpdateOperation.update_vectors(points))

    def delete_vectors(self, body):
        self.by("delete_vectors", body, body["vector"])

    def set_payload(self, body):
        self.by("set_payload", body, with_words(body["payload"]), key=body.get("key"))

    def overwrite_payload(self, body):
        self.by("overwrite_payload", body, with_words(body["payload"]))

    def delete_payload(self, body):
        self.by("delete_payload", body, body["keys"])

    def clear_payload(self, body):
        # Not its own clear_payload: after that one alone, the next set_payload keeps keys that are null.
        self.by("overwrite_payload", body, {})

    def create_index(self, key, schema):
        if isinstance(schema, str):
            schema = {"type": schema}
        more = {k: v for k, v in schema.items() if k != "type"}
        if "tokenizer" in more:
            more["tokenizer"] = TOKENIZERS[more["tokenizer"]]
        parameters = INDEXES[schema["type"]](**more)
        self.shard.update(edge.UpdateOperation.create_field_index(key, parameters))

    # Reads.

    def count(self, filter=None):
        return self.shard.count(edge.CountRequest(exact=True, filter=to_filter(filter)))

    def everything(self, filter=None):
        """Every point in the order of a scroll: id, vectors, payload."""
        points, offset = [], None
        while True:
            page, offset = self.shard.scroll(
                edge.ScrollRequest(
                    offset=offset, limit=1000, filter=to_filter(filter), with_payload=True, with_vector=True
                )
            )
            points += [(from_id(p.id), p.vector, without_words(p.payload)) for p in page]
            if offset is None:
                return points

    def selected(self, selector):
        """The payloads that a `with_payload` of one list of keys leaves, in the order of a scroll."""
        (kind, keys), = selector.items()
        selector = {"include": edge.PayloadSelector.Include, "exclude": edge.PayloadSelector.Exclude}[kind](keys)
        page, offset = self.shard.scroll(edge.ScrollRequest(limit=100_000, with_payload=selector))
        assert offset is None
        return [(from_id(p.id), without_words(p.payload)) for p in page]

    def ordered(self, order_by, filter, limit):
        direction = edge.Direction.Desc if order_by.get("direction") == "desc" else edge.Direction.Asc
        order = edge.OrderBy(order_by["key"], direction=direction, start_from=order_by.get("start_from"))
        page, _ = self.shard.scroll(edge.ScrollRequest(limit=limit, filter=to_filter(filter), order_by=order))
        return [(from_id(p.id), p.order_value) for p in page]

    def search(self, vector, using=None, filter=None, limit=10, offset=0, score_threshold=None):
        """(id, score), best first, by exact search."""
        request = edge.QueryRequest(
            limit=limit,
            offset=offset,
            query=edge.Query.Nearest(vector, using=using or None),
            filter=to_filter(filter),
            score_threshold=score_threshold,
            params=edge.SearchParams(exact=True),
        )
        return [(from_id(p.id), p.score) for p in self.shard.query(request)]
