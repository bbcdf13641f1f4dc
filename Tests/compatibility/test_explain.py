"""`explain` in searches and queries: which plan was chosen, among how many points, and what each stage did."""

import random

import pytest

from harness import wait_until_checked

POINTS, SIZE, DENSE_SIZE = 6000, 64, 256
STAGES = ["wait", "filter", "prepare", "walk", "scan", "rerank", "rescore", "fetch", "total"]


def payload(i):
    return {"n": i, "sixth": i % 6, "tag": f"tag{i % 97}", "text": "slow lantern" if i % 5 == 0 else "quick river"}


@pytest.fixture(scope="module")
def collections(server):
    """A usual graph, and one so dense that a walk costs more than the planner reckons."""
    rng = random.Random(11)
    for name, m, size in (("usual", 16, SIZE), ("dense", 64, DENSE_SIZE)):
        server.rest.put(
            f"/collections/{name}",
            {"vectors": {"size": size, "distance": "Cosine"}, "hnsw_config": {"m": m}},
        ).result
        for first in range(0, POINTS, 1000):
            points = [
                {"id": i, "vector": [rng.gauss(0, 1) for _ in range(size)], "payload": payload(i)}
                for i in range(first, first + 1000)
            ]
            server.rest.put(f"/collections/{name}/points?wait=true", {"points": points}).result
        for key, kind in (("sixth", "integer"), ("tag", "keyword")):
            server.rest.put(
                f"/collections/{name}/index?wait=true", {"field_name": key, "field_schema": kind}
            ).result
        wait_until_checked(server.rest, name)
    yield
    for name in ("usual", "dense"):
        server.rest.delete(f"/collections/{name}")


def is_(key, value):
    return {"key": key, "match": {"value": value}}


def explained(rest, body, collection="usual"):
    """The explanation, after a look at what must hold for any."""
    path = f"/collections/{collection}/points/query"
    plain, answer = rest.post(path, body), rest.post(path, {**body, "explain": True})
    assert set(plain.json) == {"result", "status", "time"}
    assert answer.result == plain.result
    explain = answer.json["explain"]
    assert set(answer.json) == {"result", "status", "time", "explain"}
    times, scored = explain["microseconds"], explain["scored"]
    assert list(times) == STAGES
    assert all(t >= 0 for t in times.values())
    assert 0 < sum(times[s] for s in STAGES[:-1]) <= times["total"] + 1e-3
    for stage, count in scored.items():
        if explain["plan"] not in ("id_order", "value_order", "value_sort"):
            assert (count > 0) == (times[stage] > 0), explain
    assert (explain["hops"] > 0) == (explain["ef"] is not None) == (scored["walk"] > 0), explain
    assert len(answer.result["points"]) == min(body.get("limit", 10), explain["candidates"])
    return explain


QUERY = [1.0] + [0.1] * (SIZE - 1)
# The plan, the collection, the body, and the points that match.
PLANS = [
    ("empty", "usual", {"query": QUERY, "filter": {"must": [is_("tag", "none")]}}, lambda i: False),
    ("exact_scan", "usual", {"query": QUERY, "params": {"exact": True}}, None),
    (
        "exact_filtered_scan", "usual",
        {"query": QUERY, "params": {"exact": True}, "filter": {"must": [is_("sixth", 2)]}}, lambda i: i % 6 == 2,
    ),
    ("code_scan", "usual", {"query": QUERY, "params": {"hnsw_ef": 2000}}, None),
    ("filtered_scan", "usual", {"query": QUERY, "filter": {"must": [is_("tag", "tag5")]}}, lambda i: i % 97 == 5),
    ("graph", "usual", {"query": QUERY, "params": {"hnsw_ef": 32}}, None),
    (
        "graph_filtered", "usual",
        {"query": QUERY, "params": {"hnsw_ef": 10}, "filter": {"must_not": [is_("tag", "tag5"), is_("tag", "tag6")]}},
        lambda i: i % 97 not in (5, 6),
    ),
    (
        "graph_then_scan", "dense",
        {
            "query": [1.0] + [0.1] * (DENSE_SIZE - 1),
            "params": {"hnsw_ef": 16},
            "filter": {"must_not": [is_("sixth", 0)]},
        },
        lambda i: i % 6 != 0,
    ),
    ("exact_scan", "usual", {"query": QUERY, "params": {"quantization": {"ignore": True}, "hnsw_ef": 2000}}, None),
    ("id_order", "usual", {"filter": {"must": [is_("sixth", 2)]}}, lambda i: i % 6 == 2),
    (
        "value_sort", "usual",
        {"query": {"order_by": "sixth"}, "filter": {"must": [is_("tag", "tag5")]}}, lambda i: i % 97 == 5,
    ),
    ("value_order", "usual", {"query": {"order_by": "sixth"}}, None),
]


@pytest.mark.parametrize("plan,collection,body,matches", PLANS, ids=[p[0] for p in PLANS])
def test_each_plan_is_told(rest, collections, plan, collection, body, matches):
    explain = explained(rest, body, collection)
    assert explain["method"] == plan, explain
    # What was planned came about, unless a walk had to be given up.
    assert explain["plan"] == ("graph_filtered" if plan == "graph_then_scan" else plan)
    assert explain["points"] == POINTS
    if matches is None:
        assert explain["filter"] is None and explain["candidates"] == POINTS
    else:
        expected = sum(matches(i) for i in range(POINTS))
        assert explain["filter"]["matching"] == explain["candidates"] == expected
    scored = explain["scored"]
    if "scan" in plan:
        assert scored["scan"] == explain["candidates"]
    if plan.startswith("graph"):
        assert explain["ef"] == body["params"]["hnsw_ef"]
        assert scored["rescore"] >= 10
    elif plan != "code_scan":
        assert scored["walk"] == 0
    if plan.startswith("exact"):
        assert scored["rescore"] == scored["rerank"] == 0


def test_two_hops(rest, server):
    """A third of many points matches: too many to scan, too few to be met on the way."""
    rng = random.Random(5)
    rest.put("/collections/many", {"vectors": {"size": 16 + 8, "distance": "Dot"}, "hnsw_config": {"m": 8}}).result
    for first in range(0, 24_000, 2000):
        points = [
            {"id": i, "vector": [rng.gauss(0, 1) for _ in range(24)], "payload": {"n": i % 10}}
            for i in range(first, first + 2000)
        ]
        rest.put("/collections/many/points?wait=true", {"points": points}).result
    wait_until_checked(rest, "many")
    filter = {"must": [{"key": "n", "range": {"lt": 3}}]}
    explain = explained(
        rest, {"query": [1.0] * 24, "params": {"hnsw_ef": 10}, "filter": filter, "limit": 5}, "many"
    )
    assert explain["plan"] == "graph_two_hop", explain
    assert explain["candidates"] == 7200 > explain["scored"]["walk"] > 0
    rest.delete("/collections/many").result


def test_random_filters_are_counted(rest, collections, seed):
    rng = random.Random(seed)

    def leaf():
        kind = rng.choice(["tag", "sixth", "n", "text", "ids"])
        if kind == "tag":
            t = rng.randrange(100)
            return is_("tag", f"tag{t}"), lambda i: i % 97 == t, "declared"
        if kind == "sixth":
            wanted = rng.sample(range(6), 2)
            return {"key": "sixth", "match": {"any": wanted}}, lambda i: i % 6 in wanted, "declared"
        if kind == "n":
            low, high = sorted(rng.sample(range(POINTS), 2))
            return {"key": "n", "range": {"gte": low, "lt": high}}, lambda i: low <= i < high, "implicit"
        if kind == "text":
            return {"key": "text", "match": {"text": "lantern"}}, lambda i: i % 5 == 0, "implicit"
        ids = set(rng.sample(range(POINTS + 100), 500))
        return {"has_id": sorted(ids)}, lambda i: i in ids, "none"

    for _ in range(40):
        clauses = {c: [leaf() for _ in range(rng.randrange(3))] for c in ("must", "should", "must_not")}
        filter = {c: [condition for condition, _, _ in leaves] for c, leaves in clauses.items() if leaves}
        if not filter:
            continue

        def matches(i):
            return (
                all(f(i) for _, f, _ in clauses["must"])
                and (not clauses["should"] or any(f(i) for _, f, _ in clauses["should"]))
                and not any(f(i) for _, f, _ in clauses["must_not"])
            )

        explain = explained(rest, {"query": QUERY, "filter": filter})
        kinds = [kind for leaves in clauses.values() for _, _, kind in leaves]
        assert explain["filter"] == {
            "matching": sum(map(matches, range(POINTS))),
            "conditions": len(kinds),
            "by_declared_index": kinds.count("declared"),
            "by_implicit_index": kinds.count("implicit"),
        }, filter


def test_a_scroll_explains_as_a_query_without_vector_does(rest, collections):
    filter = {"must": [is_("sixth", 2), {"key": "tag", "match": {"except": ["tag5"]}}, {"is_empty": {"key": "none"}}]}
    body = {"filter": filter, "limit": 7}
    plain = rest.post("/collections/usual/points/scroll", body)
    answer = rest.post("/collections/usual/points/scroll", {**body, "explain": True})
    assert answer.result == plain.result and "explain" not in plain.json
    explain = answer.json["explain"]
    assert explain["plan"] == "id_order"
    # Both declared fields by their index; where a key has values no index that can be declared tells.
    assert explain["filter"] == {
        "matching": sum(i % 6 == 2 and i % 97 != 5 for i in range(POINTS)),
        "conditions": 3, "by_declared_index": 2, "by_implicit_index": 1,
    }  # fmt: skip


@pytest.mark.parametrize("value", [None, 1, 0, "true", [], {}])
def test_only_a_boolean_will_do(rest, collections, value):
    for path, body in (
        ("query", {"query": QUERY, "explain": value}),
        ("search", {"vector": QUERY, "limit": 1, "explain": value}),
        ("query/batch", {"searches": [{"query": QUERY, "explain": value}]}),
        ("search/batch", {"searches": [{"vector": QUERY, "limit": 1, "explain": value}]}),
        ("query/batch", {"searches": [], "explain": value}),
        ("search/batch", {"searches": [], "explain": value}),
        ("scroll", {"explain": value}),
    ):
        answer = rest.post(f"/collections/usual/points/{path}", body)
        assert answer.status == 400, (path, answer.body)
        assert "`explain`" in answer.error
