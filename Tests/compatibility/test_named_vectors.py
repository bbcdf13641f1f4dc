"""Named vectors are created and deleted while the collection is read and written, by the client's own calls."""

import random
import threading

import pytest
from qdrant_client import QdrantClient, models

from harness import Rest, Server

DOT = models.Distance.DOT


@pytest.fixture
def client(server):
    client = QdrantClient(url=f"http://127.0.0.1:{server.port}", timeout=60)
    client.create_collection("named", {"a": models.VectorParams(size=4, distance=DOT)})
    yield client
    client.delete_collection("named")
    client.close()


def dense(size, distance=DOT, **others):
    return models.DenseVectorNameConfig(dense=models.DenseVectorConfig(size=size, distance=distance, **others))


def upsert(client, ids, **vectors):
    points = [models.PointStruct(id=i, vector={name: vector(i) for name, vector in vectors.items()}) for i in ids]
    client.upsert("named", points, wait=True)


def test_come_and_go(client):
    upsert(client, range(10), a=lambda i: [i, 0, 0, 1])
    assert client.create_vector_name("named", "b", dense(2)).status == models.UpdateStatus.COMPLETED
    client.create_vector_name("named", "b", dense(2))
    upsert(client, range(5, 15), a=lambda i: [i, 0, 0, 1], b=lambda i: [i, 1])
    found = client.query_points("named", query=[1, 0], using="b", limit=20).points
    assert [point.id for point in found] == list(range(14, 4, -1))
    assert set(client.get_collection("named").config.params.vectors) == {"a", "b"}
    client.delete_vector_name("named", "a")
    client.delete_vector_name("named", "a")
    assert set(client.get_collection("named").config.params.vectors) == {"b"}
    records, _ = client.scroll("named", limit=20, with_vectors=True)
    assert [record.vector for record in records] == [{}] * 5 + [{"b": [i, 1]} for i in range(5, 15)]
    with pytest.raises(Exception, match="Not existing vector name error: a"):
        client.query_points("named", query=[1, 0, 0, 0], using="a")
    with pytest.raises(Exception, match="Not existing vector name error: a"):
        upsert(client, [1], a=lambda i: [1, 0, 0, 0])
    # The name is free for another kind of vector.
    client.create_vector_name("named", "a", dense(3, models.Distance.EUCLID, datatype=models.Datatype.FLOAT16))
    client.update_vectors("named", [models.PointVectors(id=0, vector={"a": [1, 2, 3]})])
    assert client.retrieve("named", [0], with_vectors=True)[0].vector == {"a": [1, 2, 3]}


def test_beside_the_unnamed_one(rest):
    rest.put("/collections/unnamed", {"vectors": {"size": 2, "distance": "Dot"}}).result
    rest.put("/collections/unnamed/points?wait=true", {"points": [{"id": 1, "vector": [1, 2]}]}).result
    assert rest.delete("/collections/unnamed/vectors/a").result["status"] == "acknowledged"
    rest.put("/collections/unnamed/vectors/a?wait=true", {"dense": {"size": 1, "distance": "Dot"}}).result
    points = [{"id": 2, "vector": {"": [3, 4], "a": [5]}}]
    rest.put("/collections/unnamed/points?wait=true", {"points": points}).result
    assert rest.post("/collections/unnamed/points/query", {"query": [1, 1], "limit": 1}).result["points"][0]["id"] == 2
    record = rest.get("/collections/unnamed/points/2").result
    assert record["vector"] == {"": [3.0, 4.0], "a": [5.0]}
    rest.delete("/collections/unnamed").result


@pytest.mark.parametrize(
    ("vector", "body", "status", "part"),
    [
        ("x", {}, 400, "dense"),
        ("x", {"sparse": {}}, 400, "sparse"),
        ("x", {"dense": {"size": 0, "distance": "Dot"}}, 422, "dense.size"),
        ("x", {"dense": {"size": 65537, "distance": "Dot"}}, 422, "dense.size"),
        ("x", {"dense": {"size": -1, "distance": "Dot"}}, 400, "size"),
        ("x", {"dense": {"size": 2}}, 400, "distance"),
        ("x", {"dense": {"size": 2, "distance": "Far"}}, 400, "Far"),
        ("x", {"dense": {"size": 2, "distance": "Dot", "datatype": "int3"}}, 400, "int3"),
        ("x", {"dense": {"size": 2, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}}}, 400, "multivector"),
        ("a", {"dense": {"size": 5, "distance": "Dot"}}, 409, "already exists"),
        ("a", {"dense": {"size": 4, "distance": "Cosine"}}, 409, "already exists"),
        ("x%2Fy", {"dense": {"size": 2, "distance": "Dot"}}, 422, "vector"),
        ("x%00", {"dense": {"size": 2, "distance": "Dot"}}, 422, "vector"),
        ("y" * 201, {"dense": {"size": 2, "distance": "Dot"}}, 422, "200"),
    ],
)  # fmt: skip
def test_refused(client, rest, vector, body, status, part):
    answer = rest.put(f"/collections/named/vectors/{vector}", body)
    assert (answer.status, part in answer.error) == (status, True), answer.body
    assert set(client.get_collection("named").config.params.vectors) == {"a"}


def test_of_no_collection(rest):
    assert rest.put("/collections/none/vectors/a", {"dense": {"size": 2, "distance": "Dot"}}).status == 404
    assert rest.delete("/collections/none/vectors/a").status == 404


def test_beside_reads_and_writes(server, client):
    """Whoever doesn't use the vector that comes and goes sees nothing of it."""
    failures, is_over, written = [], threading.Event(), []

    def repeat(work):
        rest = Rest(server.port)
        try:
            turn = 0
            while not is_over.is_set():
                work(rest, turn)
                turn += 1
        except Exception as error:  # noqa: BLE001
            failures.append(repr(error))
            is_over.set()
        finally:
            rest.close()

    def write(rest, turn):
        points = [{"id": turn * 20 + i, "vector": {"a": [turn, i, 0, 1]}} for i in range(20)]
        rest.put("/collections/named/points?wait=true", {"points": points}).result
        written.append(20)

    def read(rest, turn):
        body = {"query": [1, 1, 0, 0], "using": "a", "limit": 5, "with_vector": ["a"]}
        for point in rest.post("/collections/named/points/query", body).result["points"]:
            assert set(point["vector"]) == {"a"}

    threads = [threading.Thread(target=repeat, args=(work,)) for work in (write, write, read, read)]
    for thread in threads:
        thread.start()
    rest = Rest(server.port)
    for turn in range(15):
        rest.put("/collections/named/vectors/b?wait=true", {"dense": {"size": 1 + turn % 4, "distance": "Dot"}}).result
        points = [{"id": 10**9 + i, "vector": {"b": [turn] * (1 + turn % 4)}} for i in range(50)]
        rest.put("/collections/named/points?wait=true", {"points": points}).result
        body = {"query": [1] * (1 + turn % 4), "using": "b", "limit": 60, "with_vector": True}
        found = rest.post("/collections/named/points/query", body).result["points"]
        assert len(found) == 50 and all(point["vector"] == {"b": [turn] * (1 + turn % 4)} for point in found)
        rest.delete("/collections/named/vectors/b?wait=true").result
    is_over.set()
    for thread in threads:
        thread.join()
    assert not failures
    rest.close()


def test_kills(seed):
    """A vector that was created or deleted, and acknowledged, is so after a kill, with all rows of the others."""
    rng = random.Random(seed)
    with Server() as server:
        server.rest.put("/collections/c", {"vectors": {"a": {"size": 2, "distance": "Dot"}}}).result
        vectors, points = {"a": 2}, {}
        for turn in range(6):
            rest, name = Rest(server.port), rng.choice("bcd")
            if name in vectors:
                rest.delete(f"/collections/c/vectors/{name}?wait=true").result
                del vectors[name]
                for vector in points.values():
                    vector.pop(name, None)
            else:
                size = rng.randint(1, 5)
                rest.put(f"/collections/c/vectors/{name}?wait=true", {"dense": {"size": size, "distance": "Dot"}}).result
                vectors[name] = size
            new = {
                rng.randrange(2000): {
                    name: [float(rng.randint(-9, 9)) for _ in range(size)] for name, size in vectors.items() if rng.random() < 0.8
                }
                for _ in range(400)
            }
            rest.put("/collections/c/points?wait=true", {"points": [{"id": i, "vector": v} for i, v in new.items()]}).result
            points.update(new)
            if rng.random() < 0.5 and len(vectors) > 1:
                gone = rng.choice([name for name in vectors if name != "a"])
                rest.delete(f"/collections/c/vectors/{gone}?wait=true").result
                del vectors[gone]
                for vector in points.values():
                    vector.pop(gone, None)
            rest.close()
            server.kill()
            server.start()
            rest = Rest(server.port)
            info = rest.get("/collections/c").result
            assert {name: value["size"] for name, value in info["config"]["params"]["vectors"].items()} == vectors
            body = {"limit": 5000, "with_vector": True, "with_payload": False}
            found = rest.post("/collections/c/points/scroll", body).result["points"]
            assert {point["id"]: point["vector"] for point in found} == points
            rest.close()
        assert server.stop() == 0
