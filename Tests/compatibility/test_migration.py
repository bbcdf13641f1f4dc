"""The programs that bring data from elsewhere, as docs/MIGRATION.md calls them."""

import json
import random
import subprocess
import sys
import uuid

import pytest
from qdrant_client import QdrantClient, models

from harness import CHECKOUT, Server

QDRANT = CHECKOUT / "scripts" / "migrate_qdrant.py"
TRENDS = CHECKOUT / "scripts" / "import_trends.py"


def run(program, *arguments, cwd):
    return subprocess.run([sys.executable, program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120)


def client(server):
    return QdrantClient(server.url, check_compatibility=False)


@pytest.fixture(scope="module")
def source():
    rng = random.Random(11)
    with Server() as server:
        qdrant = client(server)
        qdrant.create_collection(
            "articles",
            vectors_config={
                "title": models.VectorParams(size=4, distance=models.Distance.COSINE),
                "image": models.VectorParams(size=3, distance=models.Distance.DOT, datatype=models.Datatype.FLOAT16),
            },
            hnsw_config=models.HnswConfigDiff(m=24, ef_construct=130),
            quantization_config=models.ScalarQuantization(
                scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99)),
        )
        points = []
        for i in range(1_000):
            vector = {"title": [rng.gauss(0, 1) for _ in range(4)], "image": [float(i % 5), 1.0, 2.0]}
            if i % 10 == 0:
                del vector["image"]
            identity = i if i % 2 else str(uuid.UUID(int=rng.getrandbits(128)))
            points.append(models.PointStruct(id=identity, vector=vector, payload={"n": i, "text": f"word{i} other"}))
        qdrant.upsert("articles", points, wait=True)
        qdrant.create_payload_index("articles", "n", models.PayloadSchemaType.INTEGER, wait=True)
        text = models.TextIndexParams(type=models.TextIndexType.TEXT, tokenizer=models.TokenizerType.WORD, min_token_len=2)
        qdrant.create_payload_index("articles", "text", text, wait=True)
        alias = models.CreateAlias(collection_name="articles", alias_name="news")
        qdrant.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])
        qdrant.create_collection("plain", vectors_config=models.VectorParams(size=2, distance=models.Distance.EUCLID))
        qdrant.upsert("plain", [models.PointStruct(id=1, vector=[1, 2], payload=None)], wait=True)
        yield server


def contents(qdrant, name):
    points, following = qdrant.scroll(name, limit=10_000, with_vectors=True, with_payload=True)
    assert following is None
    return {str(p.id): (p.vector, p.payload) for p in points}


def test_collections_are_copied(source, tmp_path):
    with Server() as target:
        done = run(QDRANT, source.url, target.url, "--batch", "64", cwd=tmp_path)
        assert done.returncode == 0, done
        old, new = client(source), client(target)
        for name in ("articles", "plain"):
            assert contents(new, name) == contents(old, name)
            given, made = old.get_collection(name), new.get_collection(name)
            assert made.config.params.vectors == given.config.params.vectors
            assert made.config.quantization_config == given.config.quantization_config
            assert (made.config.hnsw_config.m, made.config.hnsw_config.ef_construct) == (
                given.config.hnsw_config.m, given.config.hnsw_config.ef_construct)
            assert {k: (i.data_type, i.params) for k, i in made.payload_schema.items()} == {
                k: (i.data_type, i.params) for k, i in given.payload_schema.items()}
        assert [a.alias_name for a in new.get_collection_aliases("articles").aliases] == ["news"]
        again = run(QDRANT, source.url, target.url, cwd=tmp_path)
        assert again.returncode == 0 and "articles: copied before" in again.stdout, again


def test_an_interrupted_copy_goes_on(source, tmp_path):
    state = tmp_path / "state"
    with Server() as target:
        whole = contents(client(source), "articles")
        # As a kill after the second batch leaves it.
        done = run(QDRANT, source.url, target.url, "--collection", "articles", "--state", state, cwd=tmp_path)
        assert done.returncode == 0, done
        order = [str(p.id) for p in client(source).scroll("articles", limit=10_000)[0]]
        qdrant = client(target)
        kept = [p for p in client(source).scroll("articles", limit=512)[0]]
        qdrant.delete("articles", models.FilterSelector(
            filter=models.Filter(must_not=[models.HasIdCondition(has_id=[p.id for p in kept])])), wait=True)
        following = order[512]
        state.write_text(json.dumps({"articles": int(following) if following.isdigit() else following}))
        rest = run(QDRANT, source.url, target.url, "--collection", "articles", "--state", state, cwd=tmp_path)
        assert rest.returncode == 0, rest
        assert contents(qdrant, "articles") == whole
        # From there on, not from the beginning.
        assert f"{len(order) - 512} of {len(order)} points" in rest.stdout, rest.stdout


def test_what_is_in_the_way_is_told(source, tmp_path):
    with Server() as target:
        client(target).create_collection(
            "plain", vectors_config=models.VectorParams(size=2, distance=models.Distance.EUCLID))
        refused = run(QDRANT, source.url, target.url, "--collection", "plain", cwd=tmp_path)
        assert refused.returncode == 1 and "plain: not copied: the target has such a collection" in refused.stderr, refused
        into = run(QDRANT, source.url, target.url, "--collection", "plain", "--into-existing", cwd=tmp_path)
        assert into.returncode == 0, into
        assert contents(client(target), "plain") == contents(client(source), "plain")


def test_trends_are_imported(tmp_path):
    rows = [
        {"id": str(uuid.UUID(int=1)), "title": "A", "source": "vk", "tags": ["x"], "metadata": {}, "url": None},
        {"id": 7, "title": "B", "source": "reddit", "engagement_score": 12.5, "metadata": {"k": 1},
         "discovered_at": "2026-05-01T12:00:00Z"},
        {"id": 8, "title": "", "source": "reddit"},
        {"title": "C", "source": "youtube", "embedding": [1.0] + [0.0] * 767},
    ]  # fmt: skip
    file = tmp_path / "trends.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows[:3]) + "no json\n\n")
    with Server() as server:
        first = run(TRENDS, file, "--url", server.url, cwd=tmp_path)
        assert first.returncode == 1, first
        assert "2 created, 0 there already, 2 wrong" in first.stdout, first
        assert "line 3: " in first.stderr and "title" in first.stderr and "line 4: no JSON object" in first.stderr, first
        file.write_text("".join(json.dumps(row) + "\n" for row in rows[:2]))
        second = run(TRENDS, file, "--url", server.url, cwd=tmp_path)
        assert second.returncode == 0 and "0 created, 2 there already, 0 wrong" in second.stdout, second
        file.write_text(json.dumps(rows[0]) + "\n" + json.dumps(rows[3]) + "\n")
        third = run(TRENDS, file, "--url", server.url, cwd=tmp_path)
        assert third.returncode == 0 and "1 created, 1 there already, 0 wrong" in third.stdout, third
        found = server.rest.get("/api/v1/trends?order=asc").json["data"]["items"]
        assert sorted(trend["title"] for trend in found) == ["A", "B", "C"]
        (b,) = (trend for trend in found if trend["title"] == "B")
        assert b["metadata"] == {"k": 1, "imported_id": 7} and b["engagement_score"] == 12.5
        assert b["discovered_at"].startswith("2026-05-01T12:00:00"), b
        assert {t["title"]: t["embedding_status"] for t in found}["C"] == "current"
