"""Status codes and envelopes of the REST API, beyond what the client shows of them."""

import json
import threading

import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from harness import Rest, Server, ServerDied

VECTORS = {"size": 4, "distance": "Dot"}


@pytest.fixture
def collection(rest, request):
    name = request.node.name.replace("[", "-").replace("]", "")[:60].replace("/", "_")
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)
    rest.put(f"/collections/{name}", {"vectors": VECTORS}).result
    points = [{"id": i, "vector": [i, 1, 0, -i], "payload": {"n": i}} for i in range(10)]
    rest.put(f"/collections/{name}/points?wait=true", {"points": points}).result
    yield f"/collections/{name}"
    rest.delete(f"/collections/{name}")


def failed(answer, status, *parts):
    """The answer is an error of this status, in Qdrant's envelope, and says what is asked of it."""
    assert answer.status == status, f"{answer.status} instead of {status}: {answer.body[:400]!r}"
    assert answer.headers["content-type"].startswith("application/json"), answer.headers
    envelope = answer.json
    assert set(envelope) <= {"status", "time", "result", "usage"}, envelope
    assert envelope.get("result") is None
    for part in parts:
        assert part.lower() in answer.error.lower(), answer.error


# Service endpoints.


def test_root_names_a_version(rest):
    answer = rest.get("/")
    assert answer.status == 200
    assert answer.json["title"] and answer.json["version"].count(".") == 2


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
def test_health(rest, path):
    answer = rest.get(path)
    assert answer.status == 200
    # Kubernetes probes and their readers know these sentences.
    assert b"check passed" in answer.body or answer.body == b"all shards are ready"


def test_cluster(rest, collection):
    """A standalone node: no cluster, and every collection is one shard of its own, whole and active."""
    assert rest.get("/cluster").result == {"status": "disabled"}
    assert rest.get("/telemetry").result["cluster"] == {"enabled": False}

    def shards(path):
        info = rest.get(f"{path}/cluster").result
        # Readers in JavaScript keep no greater number.
        assert type(info["peer_id"]) is int and 0 < info["peer_id"] < 2**53
        return info

    def alone(peer, points):
        return {
            "peer_id": peer, "shard_count": 1, "remote_shards": [], "shard_transfers": [],
            "local_shards": [{"shard_id": 0, "points_count": points, "state": "Active"}],
        }

    first = shards(collection)
    peer = first["peer_id"]
    assert first == alone(peer, 10)
    rest.post(f"{collection}/points/delete?wait=true", {"points": [0, 1, 2]}).result
    assert shards(collection) == alone(peer, 7)
    other = f"{collection}-empty"
    rest.put(other, {"vectors": VECTORS}).result
    try:
        assert shards(other) == alone(peer, 0)
    finally:
        rest.delete(other).result
    failed(rest.get(f"{other}/cluster"), 404, other.rsplit("/")[-1])


def test_cluster_by_the_client(server, rest, collection):
    """The client's models take the answers, and what needs a cluster is refused in words."""
    name = collection.rsplit("/")[-1]
    client = QdrantClient(url=server.url, timeout=60)
    try:
        assert client.cluster_status() == models.ClusterStatusOneOf(status="disabled")
        shard = models.LocalShardInfo(shard_id=0, points_count=10, state=models.ReplicaState.ACTIVE)
        info = client.collection_cluster_info(name)
        assert info.local_shards == [shard] and info.shard_count == 1
        assert info.remote_shards == [] and info.shard_transfers == []
        # The collection's configuration says the same number of shards and copies.
        params = client.get_collection(name).config.params
        assert (params.shard_number, params.replication_factor) == (1, 1)
        move = models.MoveShardOperation(
            move_shard=models.MoveShard(shard_id=0, from_peer_id=info.peer_id, to_peer_id=info.peer_id + 1)
        )
        for ask in (
            client.recover_current_peer,
            lambda: client.remove_peer(info.peer_id),
            lambda: client.cluster_collection_update(name, move),
        ):
            with pytest.raises(UnexpectedResponse, match="standalone mode") as refusal:
                ask()
            assert 400 <= refusal.value.status_code < 500
        assert client.collection_cluster_info(name) == info
    finally:
        client.close()


def test_telemetry(rest):
    assert rest.get("/telemetry").result["app"]["version"]


def test_metrics_are_prometheus_text(rest, collection):
    rest.post(f"{collection}/points/search", {"vector": [1, 2, 3, 4], "limit": 1}).result
    answer = rest.get("/metrics")
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/plain")
    types, samples = {}, {}
    for line in answer.body.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} is declared twice"
            assert kind in ("counter", "gauge", "histogram", "summary"), line
            types[name] = kind
        elif line.startswith("#") or not line:
            assert not line or line.startswith("# HELP "), line
        else:
            series, value = line.rsplit(" ", 1)
            float(value)
            assert series not in samples, f"{series} is listed twice"
            samples[series] = float(value)
            name = series.split("{")[0]
            base = name
            for suffix in ("_bucket", "_sum", "_count"):
                if base.endswith(suffix) and base.removesuffix(suffix) in types:
                    base = base.removesuffix(suffix)
            assert base in types, f"{name} has no type"
    assert samples["collections_total"] >= 1
    assert any(s.startswith("app_info{") for s in samples)
    assert any(s.startswith("rest_responses_total{") and "search" in s for s in samples), sorted(samples)[:40]


# Not found, conflict, malformed, invalid.


@pytest.mark.parametrize(
    "method,path,body",
    [
        ("GET", "/collections/nothing", None),
        ("PATCH", "/collections/nothing", {"optimizers_config": {}}),
        ("PUT", "/collections/nothing/points", {"points": [{"id": 1, "vector": [1.0]}]}),
        ("POST", "/collections/nothing/points/search", {"vector": [1.0], "limit": 1}),
        ("POST", "/collections/nothing/points/query", {"query": [1.0]}),
        ("POST", "/collections/nothing/points/scroll", {}),
        ("POST", "/collections/nothing/points/count", {}),
        ("POST", "/collections/nothing/points", {"ids": [1]}),
        ("GET", "/collections/nothing/points/1", None),
        ("PUT", "/collections/nothing/index", {"field_name": "a", "field_schema": "keyword"}),
        ("GET", "/collections/nothing/snapshots", None),
        ("POST", "/collections/nothing/snapshots", None),
        ("GET", "/collections/nothing/aliases", None),
        ("GET", "/collections/nothing/cluster", None),
    ],
)
def test_unknown_collection(rest, method, path, body):
    failed(rest.call(method, path, body), 404, "nothing")


def test_unknown_point(rest, collection):
    failed(rest.get(f"{collection}/points/77"), 404, "77")
    assert rest.post(f"{collection}/points", {"ids": [77]}).result == []
    failed(rest.post(f"{collection}/points/query", {"query": 77}), 404, "77")
    failed(rest.put(f"{collection}/points/vectors?wait=true", {"points": [{"id": 77, "vector": [1, 2, 3, 4]}]}), 404, "77")
    failed(rest.post(f"{collection}/points/payload?wait=true", {"payload": {"a": 1}, "points": [77]}), 404, "77")


def test_unknown_path(rest):
    assert rest.get("/no/such/path").status == 404
    assert rest.call("DELETE", "/telemetry").status in (404, 405)


def test_deleting_an_unknown_collection(rest):
    assert rest.delete("/collections/nothing").result is False


def test_creating_twice(rest, collection):
    failed(rest.put(collection, {"vectors": VECTORS}), 409, "already exists")


def test_exists(rest, collection):
    assert rest.get(f"{collection}/exists").result == {"exists": True}
    assert rest.get("/collections/nothing/exists").result == {"exists": False}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[1, 2", b'{"vector": [1,2,3,4], "limit": 1', b'{"vector": [1,2,3,4], "limit": 1}}',
        b'{"vector": [01,2,3,4], "limit": 1}', b'{"vector": [1,2,3,NaN], "limit": 1}',
        b"{'vector': [1,2,3,4], 'limit': 1}", b'{"vector": [1,2,3,4,], "limit": 1}',
        b'{"vector": [1,2,3,4], "limit": 1} trailing', b"\xff\xfe", b'{"vector": [1,2,3,4], "limit": 1, "x": "\xc3\x28"}',
        b'{"vector": [1,2,3,4], "limit": 1, "x": "\\ud800"}', b'{"vector": [1,2,3,4], "limit": 1, "x": "\n"}',
        b"null", b"7", b'"text"',
    ],
)
def test_malformed_json(rest, collection, body):
    failed(rest.post(f"{collection}/points/search", body), 400)


@pytest.mark.parametrize(
    "body",
    [
        {}, {"vector": [1, 2, 3, 4]}, {"limit": 3}, {"vector": "text", "limit": 3}, {"vector": [1, 2, 3, "4"], "limit": 3},
        {"vector": [1, 2, 3, None], "limit": 3}, {"vector": [1, 2, 3, 4], "limit": -1},
        {"vector": [1, 2, 3, 4], "limit": 1.5}, {"vector": [1, 2, 3, 4], "limit": "3"},
        {"vector": [1, 2, 3, 4], "limit": 3, "filter": {"must": [{"bogus": 1}]}},
        {"vector": [1, 2, 3, 4], "limit": 3, "filter": {"must": [{"key": "a", "match": {"value": 1.5}}]}},
        {"vector": [1, 2, 3, 4], "limit": 3, "filter": {"most": []}},
        {"vector": [1, 2, 3, 4], "limit": 3, "filter": {"must": [{"key": "d", "range": {"gte": "no time"}}]}},
        {"vector": [1, 2, 3, 4], "limit": 3, "filter": {"must": [{"key": "", "match": {"value": 1}}]}},
        {"vector": [1, 2, 3, 4], "limit": 3, "with_payload": 7},
        {"vector": [1, 2, 3, 4], "limit": 3, "params": {"hnsw_ef": "many"}},
    ],
)
def test_wrong_types_in_a_search(rest, collection, body):
    failed(rest.post(f"{collection}/points/search", body), 400)


def test_wrong_dimensions(rest, collection):
    failed(rest.post(f"{collection}/points/search", {"vector": [1, 2, 3], "limit": 1}), 400, "dimension", "4", "3")
    failed(rest.post(f"{collection}/points/query", {"query": [1, 2, 3, 4, 5]}), 400, "dimension", "4", "5")
    failed(rest.put(f"{collection}/points?wait=true", {"points": [{"id": 1, "vector": [1]}]}), 400, "dimension")
    failed(rest.put(f"{collection}/points?wait=true", {"points": [{"id": 1, "vector": {"a": [1]}}]}), 400)
    failed(rest.post(f"{collection}/points/search", {"vector": {"name": "no", "vector": [1, 2, 3, 4]}, "limit": 1}), 400, "no")


def test_a_wrong_point_stops_its_whole_request(rest, collection):
    points = [{"id": 100, "vector": [1, 2, 3, 4]}, {"id": 101, "vector": [1, 2]}]
    failed(rest.put(f"{collection}/points?wait=true", {"points": points}), 400)
    assert rest.post(f"{collection}/points/count", {"exact": True}).result["count"] == 10


@pytest.mark.parametrize("id", [-1, 1.5, 2**64, "", "text", "5c56c793-69f3-4fbf-87e6-c4bf54c28c2", None, [1], {}])
def test_wrong_ids(rest, collection, id):
    failed(rest.put(f"{collection}/points?wait=true", {"points": [{"id": id, "vector": [1, 2, 3, 4]}]}), 400)
    assert rest.post(f"{collection}/points/count", {"exact": True}).result["count"] == 10


def test_every_form_of_id(rest, collection):
    forms = [
        2**64 - 1, "5c56c793-69f3-4fbf-87e6-c4bf54c28c26", "5C56C79369F34FBF87E6C4BF54C28C27",
        "urn:uuid:5c56c793-69f3-4fbf-87e6-c4bf54c28c28",
    ]
    rest.put(f"{collection}/points?wait=true", {"points": [{"id": i, "vector": [9, 9, 9, 9]} for i in forms]}).result
    got = rest.post(f"{collection}/points/scroll", {"limit": 100, "offset": 10}).result["points"]
    assert [p["id"] for p in got] == [2**64 - 1] + [f"5c56c793-69f3-4fbf-87e6-c4bf54c28c2{n}" for n in (6, 7, 8)]
    assert rest.get(f"{collection}/points/{forms[1]}").result["id"] == forms[1]


@pytest.mark.parametrize(
    "path,body",
    [
        ("points/search", {"vector": [1, 2, 3, 4], "limit": 0}),
        ("points/query", {"query": [1, 2, 3, 4], "limit": 0}),
        ("points/scroll", {"limit": 0}),
    ],
)
def test_a_limit_of_zero(rest, collection, path, body):
    failed(rest.post(f"{collection}/{path}", body), 422, "limit")


def test_a_condition_without_a_predicate(rest, collection):
    body = {"vector": [1, 2, 3, 4], "limit": 3, "filter": {"must": [{"key": "a"}]}}
    failed(rest.post(f"{collection}/points/search", body), 422, "condition")


@pytest.mark.parametrize(
    "body,status",
    [
        ({"vectors": {"size": 0, "distance": "Dot"}}, 422),
        ({"vectors": {"size": 70_000, "distance": "Dot"}}, 422),
        ({"vectors": {"size": 4, "distance": "Hamming"}}, 400),
        ({"vectors": {"size": 4}}, 400),
        ({"vectors": {"size": -4, "distance": "Dot"}}, 400),
        ({"vectors": {"a": {"size": 0, "distance": "Dot"}}}, 422),
        ({"vectors": VECTORS, "hnsw_config": {"ef_construct": 1}}, 422),
        ({"vectors": VECTORS, "quantization_config": {"scalar": {"type": "int8", "quantile": 2.0}}}, 422),
        ({"vectors": VECTORS, "quantization_config": {"scalar": {"type": "int3"}}}, 400),
        ({"vectors": VECTORS, "wal_config": {"wal_capacity_mb": 0}}, 422),
    ],
)
def test_impossible_collections(rest, body, status):
    failed(rest.put("/collections/impossible", body), status)
    assert rest.get("/collections/impossible/exists").result == {"exists": False}


@pytest.mark.parametrize(
    "body",
    [
        {"vectors": VECTORS, "quantization_config": {"product": {"compression": "x4"}}},
        {"vectors": VECTORS, "quantization_config": {"binary": {}}},
        {"vectors": {**VECTORS, "multivector_config": {"comparator": "max_sim"}}},
        {"vectors": VECTORS, "sparse_vectors": {"words": {}}},
    ],
)
def test_unsupported_is_said(rest, body):
    answer = rest.put("/collections/unsupported", body)
    assert 400 <= answer.status < 502 and answer.status != 500, answer.status
    assert "support" in answer.error.lower(), answer.error
    assert rest.get("/collections/unsupported/exists").result == {"exists": False}


def test_hostile_filters_are_answered(rest, collection):
    """Deep nesting, huge numbers, long lists: an answer, whatever it says, and a living server."""
    deep = '{"must":[' * 5000 + "]}" * 5000
    answer = rest.post(f"{collection}/points/count", f'{{"filter": {deep}}}')
    assert answer.status == 400, answer.status
    answer = rest.put(
        f"{collection}/points?wait=true",
        '{"points": [{"id": 1, "vector": [1,2,3,4], "payload": {"a": ' + "[" * 100_000 + "]" * 100_000 + "}}]}",
    )
    assert answer.status == 400, answer.status
    for number in ("1e400", "-1e400", "9" * 400, "1e-400", "123456789012345678901234567890"):
        answer = rest.post(f"{collection}/points/search", f'{{"vector": [{number},1,1,1], "limit": 1}}')
        assert answer.status in (200, 400), (number, answer.status)
        condition = f'{{"key": "n", "range": {{"gt": {number}}}}}'
        answer = rest.post(f"{collection}/points/count", f'{{"filter": {{"must": [{condition}]}}, "exact": true}}')
        assert answer.status in (200, 400), (number, answer.status)
        answer = rest.post(f"{collection}/points/search", f'{{"vector": [1,1,1,1], "limit": {number}}}')
        assert answer.status in (200, 400, 422), (number, answer.status)
    for limit in (2**31, 2**32, 2**62, 2**63 - 1):
        hits = rest.post(f"{collection}/points/search", {"vector": [1, 1, 1, 1], "limit": limit})
        assert hits.status in (200, 400, 422)
        if hits.status == 200:
            assert len(hits.result) == 10
        both = rest.post(f"{collection}/points/query", {"query": [1, 1, 1, 1], "limit": limit, "offset": limit})
        assert both.status in (200, 400, 422)
        assert rest.post(f"{collection}/points/scroll", {"limit": limit}).status in (200, 400, 422)
        ef = rest.post(f"{collection}/points/search", {"vector": [1, 1, 1, 1], "limit": 1, "params": {"hnsw_ef": limit}})
        assert ef.status in (200, 400, 422)
        over = {"quantization": {"oversampling": 1e300, "rescore": True}}
        assert rest.post(
            f"{collection}/points/search", {"vector": [1, 1, 1, 1], "limit": 1, "params": over}
        ).status in (200, 400, 422)
    many = {"must": [{"has_id": list(range(100_000))}]}
    assert rest.post(f"{collection}/points/count", {"filter": many}).result["count"] == 10


def test_a_payload_comes_back_as_it_was_sent(rest, collection):
    payload = {
        "big": 2**63 - 1, "small": -(2**63), "float": 0.1, "exponent": 1e-300, "text": "ü 🜚 \u0000 \" \\ / \n",
        "nested": {"a": [{"b": [[], {}, None, True]}]}, "": "empty key", "dotted.key": 1, "1": 2,
    }
    rest.put(f"{collection}/points?wait=true", {"points": [{"id": 1, "vector": [1, 2, 3, 4], "payload": payload}]}).result
    assert rest.get(f"{collection}/points/1").result["payload"] == payload
    exact = b'{"payload": {"n": 12345678901234567890}, "points": [1]}'
    rest.post(f"{collection}/points/payload?wait=true", exact).result
    assert b"12345678901234567890" in rest.get(f"{collection}/points/1").body


@pytest.mark.parametrize("name", ["%2e%2e", "..%2f..%2fetc", "a%2fb", "%00", "a%5cb", "%2e", "x" * 300, "%ff%fe"])
def test_hostile_collection_names(rest, name):
    answer = rest.put(f"/collections/{name}", {"vectors": VECTORS})
    assert answer.status in (400, 404, 422), answer.status
    assert all("/" not in c["name"] and c["name"] not in (".", "..") for c in rest.get("/collections").result["collections"])


@pytest.mark.parametrize("name", ["trends ü", "🜚", "a b", "UPPER.lower-_1", "x" * 200])
def test_unusual_collection_names(rest, name):
    from urllib.parse import quote

    path = f"/collections/{quote(name, safe='')}"
    rest.put(path, {"vectors": VECTORS}).result
    rest.put(f"{path}/points?wait=true", {"points": [{"id": 1, "vector": [1, 2, 3, 4]}]}).result
    assert name in [c["name"] for c in rest.get("/collections").result["collections"]]
    assert rest.post(f"{path}/points/search", {"vector": [1, 1, 1, 1], "limit": 1}).result[0]["id"] == 1
    assert rest.delete(path).result is True


# Forms of requests.


def test_with_payload_and_with_vector_in_all_forms(rest, collection):
    rest.post(f"{collection}/points/payload?wait=true", {"payload": {"a": {"b": 1, "c": 2}, "d": 3}, "points": [1]}).result

    def hit(**more):
        body = {"vector": [1, 1, 0, -1], "limit": 1, "filter": {"must": [{"has_id": [1]}]}, **more}
        return rest.post(f"{collection}/points/search", body).result[0]

    whole = {"n": 1, "a": {"b": 1, "c": 2}, "d": 3}
    assert hit().get("payload") is None and hit().get("vector") is None
    assert hit(with_payload=True)["payload"] == whole
    assert hit(with_payload=False).get("payload") is None
    assert hit(with_payload=["d", "a.c"])["payload"] == {"d": 3, "a": {"c": 2}}
    assert hit(with_payload={"include": ["n"]})["payload"] == {"n": 1}
    assert hit(with_payload={"exclude": ["a.b", "d"]})["payload"] == {"n": 1, "a": {"c": 2}}
    assert hit(with_vector=True)["vector"] == [1, 1, 0, -1]
    assert hit(with_vector=False).get("vector") is None
    record = rest.post(f"{collection}/points", {"ids": [1]}).result[0]
    assert record["payload"] == whole and record.get("vector") is None


def test_lookup_from(rest, collection):
    rest.put("/collections/other", {"vectors": {"left": VECTORS, "right": {"size": 2, "distance": "Dot"}}}).result
    rest.put("/collections/other/points?wait=true", {"points": [{"id": 500, "vector": {"left": [0, 0, 0, -1]}}]}).result
    body = {"query": 500, "lookup_from": {"collection": "other", "vector": "left"}, "limit": 1}
    assert rest.post(f"{collection}/points/query", body).result["points"][0]["id"] == 9
    failed(rest.post(f"{collection}/points/query", {**body, "lookup_from": {"collection": "missing"}}), 404)
    rest.delete("/collections/other").result


def test_a_written_point_is_in_the_next_search(rest, collection):
    for i in range(200):
        vector = [1000 + i, 0, 0, 0]
        rest.put(f"{collection}/points?wait=false", {"points": [{"id": 1000 + i, "vector": vector}]}).result
        hit = rest.post(f"{collection}/points/search", {"vector": [1, 0, 0, 0], "limit": 1}).result[0]
        assert hit["id"] == 1000 + i
        rest.post(f"{collection}/points/delete", {"points": [1000 + i]}).result
        hit = rest.post(f"{collection}/points/search", {"vector": [1, 0, 0, 0], "limit": 1}).result[0]
        assert hit["id"] == 9


def test_a_collection_reports_what_it_was_given(rest):
    body = {
        "vectors": {
            "a": {"size": 8, "distance": "Euclid", "on_disk": True, "hnsw_config": {"m": 24},
                  "quantization_config": {"scalar": {"type": "int8", "quantile": 0.95, "always_ram": True}}},
            "b": {"size": 3, "distance": "Manhattan", "datatype": "uint8"},
        },
        "hnsw_config": {"m": 20, "ef_construct": 120, "full_scan_threshold": 5000},
        "optimizers_config": {"indexing_threshold": 777, "default_segment_number": 3},
        "wal_config": {"wal_capacity_mb": 64},
        "on_disk_payload": True,
        "replication_factor": 1,
    }
    rest.put("/collections/reported", body).result
    config = rest.get("/collections/reported").result["config"]
    assert config["params"]["vectors"]["a"].items() >= body["vectors"]["a"].items()
    assert config["params"]["vectors"]["b"].items() >= body["vectors"]["b"].items()
    assert config["hnsw_config"].items() >= body["hnsw_config"].items()
    assert config["optimizer_config"].items() >= body["optimizers_config"].items()
    assert config["wal_config"].items() >= body["wal_config"].items()
    assert config["params"]["on_disk_payload"] is True
    change = {"hnsw_config": {"ef_construct": 200}, "optimizers_config": {"indexing_threshold": 1},
              "quantization_config": {"scalar": {"type": "int8"}}}
    assert rest.patch("/collections/reported", change).result is True
    config = rest.get("/collections/reported").result["config"]
    assert (config["hnsw_config"]["ef_construct"], config["hnsw_config"]["m"]) == (200, 20)
    assert config["optimizer_config"]["indexing_threshold"] == 1
    assert config["quantization_config"]["scalar"]["type"] == "int8"
    rest.delete("/collections/reported").result


def test_aliases_switch_atomically(server, rest):
    """While an alias goes back and forth between two collections, every reader finds one of them."""
    for name, marker in (("first", 1), ("second", 2)):
        rest.put(f"/collections/{name}", {"vectors": VECTORS}).result
        rest.put(f"/collections/{name}/points?wait=true", {"points": [{"id": marker, "vector": [1, 1, 1, 1]}]}).result

    def create(name):
        return {"create_alias": {"collection_name": name, "alias_name": "live"}}

    rest.post("/collections/aliases", {"actions": [create("first")]}).result
    done, wrong, seen = threading.Event(), [], set()

    def read():
        connection = Rest(server.port)
        while not done.is_set():
            answer = connection.post("/collections/live/points/search", {"vector": [1, 1, 1, 1], "limit": 1})
            if answer.status != 200 or len(answer.result) != 1:
                wrong.append((answer.status, answer.body[:200]))
                return
            seen.add(answer.result[0]["id"])
        connection.close()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for thread in readers:
        thread.start()
    for turn in range(150):
        target = ("second", "first")[turn % 2]
        rest.post("/collections/aliases", {"actions": [{"delete_alias": {"alias_name": "live"}}, create(target)]}).result
    done.set()
    for thread in readers:
        thread.join()
    assert not wrong, wrong[:3]
    assert seen == {1, 2}
    rename = {"rename_alias": {"old_alias_name": "live", "new_alias_name": "renamed"}}
    rest.post("/collections/aliases", {"actions": [rename]}).result
    failed(rest.post("/collections/live/points/count", {}), 404)
    # All or nothing: the second action fails, so the first must not have happened.
    bad = [{"delete_alias": {"alias_name": "renamed"}}, create("missing")]
    failed(rest.post("/collections/aliases", {"actions": bad}), 404)
    assert rest.post("/collections/renamed/points/count", {}).result["count"] == 1
    failed(rest.put("/collections/renamed", {"vectors": VECTORS}), 409)
    rest.delete("/collections/second").result
    rest.delete("/collections/first").result
    assert [a for a in rest.get("/aliases").result["aliases"] if a["alias_name"] == "renamed"] == []


# Servers with other configurations.


def test_body_limit():
    with Server({"QDRANT__SERVICE__MAX_REQUEST_SIZE_MB": "1"}) as server:
        rest = server.rest
        rest.put("/collections/c", {"vectors": VECTORS}).result
        point = {"id": 1, "vector": [1, 2, 3, 4], "payload": {"text": "x" * 900_000}}
        rest.put("/collections/c/points?wait=true", {"points": [point]}).result
        point["payload"]["text"] = "x" * 1_100_000
        answer = Rest(server.port).put("/collections/c/points?wait=true", {"points": [point]})
        assert answer.status == 413, answer.status
        # The same without a length that could be looked at first.
        connection = Rest(server.port)
        import http.client

        raw = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        chunks = (json.dumps({"points": [point]}).encode()[i : i + 65536] for i in range(0, 1_100_100, 65536))
        try:
            raw.request("PUT", "/collections/c/points", chunks, {"content-type": "application/json"}, encode_chunked=True)
            assert raw.getresponse().status == 413
        except (BrokenPipeError, ConnectionResetError):
            pass  # The server may hang up on the rest of the body.
        finally:
            raw.close()
        assert len(connection.get("/collections/c/points/1").result["payload"]["text"]) == 900_000
        connection.close()
        server.assert_alive()


def test_api_keys():
    keys = {"QDRANT__SERVICE__API_KEY": "secret", "QDRANT__SERVICE__READ_ONLY_API_KEY": "look"}
    with Server(keys) as server:
        def call(method, path, body=None, **headers):
            connection = Rest(server.port, {k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.call(method, path, body)
            connection.close()
            return answer

        assert call("GET", "/collections").status == 401
        assert call("GET", "/collections", api_key="wrong").status == 401
        assert call("GET", "/collections", api_key="secre").status == 401
        assert call("GET", "/collections", api_key="secrets").status == 401
        assert call("GET", "/collections", authorization="Bearer wrong").status == 401
        assert call("GET", "/metrics").status == 401
        # A balancer has no key.
        for path in ("/healthz", "/livez", "/readyz"):
            assert call("GET", path).status == 200, path
        assert call("PUT", "/collections/c", {"vectors": VECTORS}, api_key="secret").result is True
        points = {"points": [{"id": 1, "vector": [1, 2, 3, 4]}]}
        assert call("PUT", "/collections/c/points?wait=true", points, authorization="Bearer secret").status == 200
        for headers in ({"api_key": "look"}, {"authorization": "Bearer look"}):
            assert call("GET", "/collections", **headers).status == 200
            assert call("POST", "/collections/c/points/search", {"vector": [1, 1, 1, 1], "limit": 1}, **headers).status == 200
            assert call("POST", "/collections/c/points/query", {"query": 1}, **headers).status == 200
            assert call("POST", "/collections/c/points/scroll", {}, **headers).status == 200
            assert call("POST", "/collections/c/points/count", {}, **headers).status == 200
            for method, path, body in (
                ("PUT", "/collections/d", {"vectors": VECTORS}),
                ("DELETE", "/collections/c", None),
                ("PUT", "/collections/c/points", points),
                ("POST", "/collections/c/points/delete", {"points": [1]}),
                ("POST", "/collections/c/points/payload", {"payload": {"a": 1}, "points": [1]}),
                ("POST", "/collections/c/points/batch", {"operations": []}),
                ("PUT", "/collections/c/index", {"field_name": "a", "field_schema": "keyword"}),
                ("POST", "/collections/aliases", {"actions": []}),
                ("POST", "/collections/c/snapshots", None),
                ("POST", "/snapshots", None),
            ):
                answer = call(method, path, body, **headers)
                assert answer.status == 403, (method, path, answer.status)
        assert call("GET", "/collections/c/points/1", api_key="secret").status == 200


def test_config_file_and_environment():
    config = """
storage:
  performance:
    max_search_threads: 0
service:
  max_request_size_mb: 1
  api_key: from-file
  frobnicate: 3
"""
    with Server({"QDRANT__SERVICE__API_KEY": "from-environment"}, config=config) as server:
        assert Rest(server.port, {"api-key": "from-file"}).get("/collections").status == 401
        rest = Rest(server.port, {"api-key": "from-environment"})
        assert rest.get("/collections").result["collections"] == []
        assert rest.post("/collections/c/points/count", b" " * 1_100_000).status == 413
        assert "frobnicate" in server.log_text()
        assert server.storage.is_dir()


@pytest.mark.parametrize(
    "environment",
    [
        {"QDRANT__SERVICE__HTTP_PORT": "70000"},
        {"QDRANT__SERVICE__HTTP_PORT": "many"},
        {"QDRANT__SERVICE__MAX_REQUEST_SIZE_MB": "-1"},
        {"QDRANT__STORAGE__STORAGE_PATH": "/proc/nowhere"},
        {"QDRANT__STORAGE__SNAPSHOTS_PATH": "/dev/null/snapshots"},
        {"QDRANT__SERVICE__HOST": "no-such-host.invalid"},
    ],
)
def test_impossible_values_stop_the_start(environment):
    server = Server(environment)
    try:
        server.launch()
        code = server.process.wait(30)
        log = server.log_text()
        assert code > 0, f"ended with {code}:\n{log}"
        (name, value), = environment.items()
        said = name.lower().rsplit("__", 1)[1] in log.lower() or value in log
        assert said and "Fatal error" not in log, log
        # A sentence for people, not a type of the program's.
        assert "Domain" not in log and "Error(" not in log and "AddressError" not in log, log
    finally:
        server.__exit__()


def test_two_servers_on_one_storage():
    with Server() as first:
        second = Server({"QDRANT__STORAGE__STORAGE_PATH": str(first.storage)})
        try:
            with pytest.raises(ServerDied):
                second.start()
            assert second.process.returncode > 0, second.log_text()
        finally:
            second.__exit__()
        first.rest.put("/collections/c", {"vectors": VECTORS}).result
        first.assert_alive()
