"""Documents in place of vectors: the server's embedder makes the vectors of their texts."""

import pytest
from harness import Server
from qdrant_client import QdrantClient, models

LEXICAL = {"TRENDEX__EMBEDDER__MODEL": "lexical"}
TEXTS = {
    1: "balcony solar panels for rented flats",
    2: "home batteries that store solar power",
    3: "sourdough bread at home",
    4: "knitting patterns for beginners",
}


@pytest.fixture(scope="module")
def server():
    with Server(LEXICAL) as server:
        yield server


def document(text, model="lexical-hash"):
    return {"text": text, "model": model}


@pytest.fixture(scope="module")
def model(server):
    """The embedder's name, as an error tells it."""
    make(server, "names")
    error = server.rest.post("/collections/names/points/query", {"query": document("x", "nobody's")}).error
    assert "not with `nobody's`" in error
    return error.split("`")[1]


def make(server, name, vectors=None):
    server.rest.delete(f"/collections/{name}")
    vectors = vectors or {"size": 768, "distance": "Cosine"}
    assert server.rest.put(f"/collections/{name}", {"vectors": vectors}).result is True


def ids(answer):
    return [point["id"] for point in answer.result["points"]]


def test_upserted_and_queried_by_text(server, model):
    make(server, "texts")
    points = [{"id": i, "vector": document(text, model), "payload": {"text": text}} for i, text in TEXTS.items()]
    assert server.rest.put("/collections/texts/points?wait=true", {"points": points}).result["status"] == "completed"
    query = {"query": document("solar panels for a balcony", model), "limit": 2, "with_vector": True}
    answer = server.rest.post("/collections/texts/points/query", query)
    assert ids(answer)[0] == 1
    # The same text has the same vector, and a query under `nearest` is the same query.
    stored = server.rest.post("/collections/texts/points", {"ids": [1], "with_vector": True}).result[0]["vector"]
    assert len(stored) == 768
    same = server.rest.post("/collections/texts/points/query", {"query": stored, "limit": 4})
    for query in (document(TEXTS[1], model), {"nearest": document(TEXTS[1], model)}):
        by_text = server.rest.post("/collections/texts/points/query", {"query": query, "limit": 4})
        assert ids(by_text) == ids(same)
        assert by_text.result["points"][0]["score"] == pytest.approx(1, abs=1e-4)


def test_every_form_that_takes_a_vector(server, model):
    make(server, "forms", {"a": {"size": 768, "distance": "Cosine"}, "options": {"size": 768, "distance": "Dot"}})
    rest = server.rest
    named = {"a": document(TEXTS[1], model), "options": document(TEXTS[2], model)}
    assert rest.put("/collections/forms/points?wait=true", {"points": [{"id": 1, "vector": named}]}).result
    columns = {"ids": [2, 3], "vectors": {"a": [document(TEXTS[2], model), document(TEXTS[3], model)]}}
    assert rest.put("/collections/forms/points?wait=true", {"batch": columns}).result
    update = {"points": [{"id": 3, "vector": {"a": document(TEXTS[4], model)}}]}
    assert rest.put("/collections/forms/points/vectors?wait=true", update).result
    operations = [{"upsert": {"points": [{"id": 4, "vector": {"a": document(TEXTS[3], model)}}]}}]
    assert rest.post("/collections/forms/points/batch?wait=true", {"operations": operations}).result
    searches = [{"query": document(text, model), "using": "a", "limit": 1} for text in TEXTS.values()]
    results = rest.post("/collections/forms/points/query/batch", {"searches": searches}).result
    assert [result["points"][0]["id"] for result in results] == [1, 2, 4, 3]
    query = {"query": document(TEXTS[2], model), "using": "options", "limit": 1}
    assert ids(rest.post("/collections/forms/points/query", query)) == [1]


def test_members_in_any_order(server, model):
    make(server, "order")
    body = f'{{"points": [{{"vector": {{"options": {{}}, "model": "{model}", "text": "a"}}, "id": 1}}]}}'
    assert server.rest.put("/collections/order/points?wait=true", body).result["status"] == "completed"
    body = f'{{"query": {{"options": null, "model": "x/{model.upper()}", "text": "a"}}}}'
    assert ids(server.rest.post("/collections/order/points/query", body)) == [1]


def test_a_real_client(server, model):
    make(server, "client")
    client = QdrantClient(url=server.url, cloud_inference=True, check_compatibility=False)
    points = [
        models.PointStruct(id=i, vector=models.Document(text=text, model=model), payload={})
        for i, text in TEXTS.items()
    ]
    client.upsert("client", points, wait=True)
    for i, text in TEXTS.items():
        found = client.query_points("client", query=models.Document(text=text, model=model), limit=1).points
        assert [point.id for point in found] == [i]


@pytest.mark.parametrize(
    "vector, words",
    [
        ({"text": "a"}, "missing field `model`"),
        ({"model": "lexical"}, "missing field `text`"),
        ({"text": "a", "model": 3}, "expected a"),
        ({"text": "a", "model": "nobody's"}, "not with `nobody's`"),
        ({"image": "a", "model": "b"}, "an image or an object"),
        ({"object": {"a": 1}, "model": "b"}, "an image or an object"),
    ],
)
def test_wrong_documents_are_refused_by_name(server, vector, words):
    make(server, "wrong")
    for answer in (
        server.rest.put("/collections/wrong/points?wait=true", {"points": [{"id": 1, "vector": vector}]}),
        server.rest.post("/collections/wrong/points/query", {"query": vector}),
        server.rest.post("/collections/wrong/points/query", {"query": {"nearest": vector}}),
    ):
        assert 400 <= answer.status < 500, answer.body
        assert words in answer.error, (vector, answer.error)
    assert server.rest.post("/collections/wrong/points/count", {}).result["count"] == 0


def test_options_are_refused(server, model):
    make(server, "options")
    vector = {**document("a", model), "options": {"truncate": True}}
    answer = server.rest.put("/collections/options/points", {"points": [{"id": 1, "vector": vector}]})
    assert 400 <= answer.status < 500 and "options" in answer.error


def test_vectors_of_another_length(server, model):
    make(server, "short", {"size": 8, "distance": "Dot"})
    answer = server.rest.put("/collections/short/points", {"points": [{"id": 1, "vector": document("a", model)}]})
    assert answer.status == 400 and "768" in answer.error


def test_the_stores_collections_remember_the_model(server, model):
    rest = server.rest
    trend = rest.post("/api/v1/trends", {"title": TEXTS[1], "source": "reddit"}).json["data"]
    vector = {"points": [{"id": trend["id"], "vector": document(TEXTS[1], model)}]}
    assert rest.put("/collections/trends/points?wait=true", vector).result["status"] == "completed"
    found = rest.get("/api/v1/trends/search?q=solar+panels")
    assert [hit["trend"]["id"] if "trend" in hit else hit["id"] for hit in found.json["data"]["items"]] == [trend["id"]]


def test_vectors_of_another_model_are_not_mixed_with():
    with Server(LEXICAL) as server:
        trend = {"title": "a", "source": "reddit", "embedding": [1.0] + [0.0] * 767}
        identifier = server.rest.post("/api/v1/trends", trend).json["data"]["id"]
        model = "lexical-hash"
        error = server.rest.post("/collections/trends/points/query", {"query": document("x", "nobody's")}).error
        model = error.split("`")[1]
        for answer in (
            server.rest.post("/collections/trends/points/query", {"query": document("a", model)}),
            server.rest.put(
                "/collections/trends/points", {"points": [{"id": identifier, "vector": document("a", model)}]}
            ),
        ):
            assert answer.status == 409 and "made by" in answer.error, answer.body


def test_without_an_embedder():
    with Server() as server:
        server.rest.put("/collections/c", {"vectors": {"size": 4, "distance": "Dot"}})
        for answer in (
            server.rest.post("/collections/c/points/query", {"query": document("a")}),
            server.rest.put("/collections/c/points", {"points": [{"id": 1, "vector": document("a")}]}),
        ):
            assert 400 <= answer.status < 600 and "trendex.embedder.model" in answer.error
