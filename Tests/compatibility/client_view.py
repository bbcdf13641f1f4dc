"""The official client's view of the server, one step after another.

It runs as a program of its own, so that two generations of the client can be tested: the one that is found first on
the import path is used. Each step's outcome is written as one JSON line to the report.

usage: client_view.py URL WORK_FOLDER REPORT ROWS
"""

import datetime
import hashlib
import itertools
import json
import random
import sys
import time
import traceback
import urllib.request
import warnings
from pathlib import Path

import numpy as np

import data

QUERIES = 100
K = 10
TRENDS, IDEAS = "trends", "ideas"
STEPS = []


def step(function):
    STEPS.append(function.__name__)
    return function


class ClientView:
    def __init__(self, url, folder, rows):
        from qdrant_client import QdrantClient, models

        self.models = models
        self.url, self.folder = url, Path(folder)
        self.modern = hasattr(QdrantClient, "query_points")
        self.data = data.load(rows)
        with warnings.catch_warnings():
            # The client warns when a server's version doesn't suit it.
            warnings.simplefilter("error")
            self.client = QdrantClient(url=url, timeout=300)
        self.rng = random.Random(7)

    # What the two generations spell differently.

    def search(self, collection, vector, limit=K, filter=None, params=None, **more):
        if self.modern:
            return self.client.query_points(
                collection, query=vector, limit=limit, query_filter=filter, search_params=params, **more
            ).points
        return self.client.search(
            collection, query_vector=vector, limit=limit, query_filter=filter, search_params=params, **more
        )

    def search_batch(self, collection, vectors, filters, limit=K):
        m = self.models
        if self.modern:
            requests = [
                m.QueryRequest(query=v.tolist(), filter=f, limit=limit) for v, f in zip(vectors, filters)
            ]
            return [r.points for r in self.client.query_batch_points(collection, requests=requests)]
        requests = [m.SearchRequest(vector=v.tolist(), filter=f, limit=limit) for v, f in zip(vectors, filters)]
        return self.client.search_batch(collection, requests=requests)

    def field(self, key, **condition):
        return self.models.FieldCondition(key=key, **condition)

    def must(self, *conditions):
        return self.models.Filter(must=list(conditions))

    def count(self, filter=None, collection=TRENDS):
        return self.client.count(collection, count_filter=filter, exact=True).count

    def wait_until_green(self, collection=TRENDS, seconds=600):
        deadline = time.monotonic() + seconds
        while True:
            info = self.client.get_collection(collection)
            if info.status.value == "green":
                return info
            assert info.status.value == "yellow", info.status
            assert time.monotonic() < deadline, f"still yellow after {seconds} s"
            time.sleep(0.2)

    # The steps.

    @step
    def create_collections(self):
        m = self.models
        for name in (TRENDS, IDEAS):
            assert self.client.create_collection(
                name,
                vectors_config=m.VectorParams(size=768, distance=m.Distance.COSINE),
                quantization_config=m.ScalarQuantization(
                    scalar=m.ScalarQuantizationConfig(type=m.ScalarType.INT8, quantile=0.99, always_ram=True)
                ),
            )
        assert {c.name for c in self.client.get_collections().collections} >= {TRENDS, IDEAS}
        info = self.client.get_collection(TRENDS)
        assert info.config.params.vectors.size == 768
        assert info.config.params.vectors.distance == m.Distance.COSINE
        scalar = info.config.quantization_config.scalar
        assert (scalar.type, round(scalar.quantile, 6), scalar.always_ram) == (m.ScalarType.INT8, 0.99, True)
        assert info.points_count == 0
        if self.modern:
            assert self.client.collection_exists(TRENDS) and not self.client.collection_exists("nothing")
        try:
            self.client.create_collection(TRENDS, vectors_config=m.VectorParams(size=4, distance=m.Distance.DOT))
        except Exception as error:
            assert getattr(error, "status_code", None) == 409, error
        else:
            raise AssertionError("a collection was created twice")

    @step
    def create_payload_indexes(self):
        for key, kind in (
            ("source", "keyword"),
            ("tags", "keyword"),
            ("category", "keyword"),
            ("engagement_score", "integer"),
            ("discovered_at", "datetime"),
        ):
            # The 1.7 generation knows no datetime index by name, so it filters that field without one.
            if self.modern or kind != "datetime":
                result = self.client.create_payload_index(TRENDS, field_name=key, field_schema=kind)
                assert result.status.value == "completed", result

    @step
    def upload_points(self):
        m, rows = self.models, len(self.data.base)
        half = rows // 2

        def points(first, last):
            for i in range(first, last):
                yield m.PointStruct(id=i, vector=self.data.base[i].tolist(), payload=self.data.payloads[i])

        self.client.upload_points(TRENDS, points(0, half), batch_size=256, wait=True)
        # What was acknowledged is found by the very next search, however far the graph is.
        for i in self.rng.sample(range(half), 20):
            hit = self.search(TRENDS, self.data.base[i].tolist(), limit=1)[0]
            assert hit.score > 1 - 1e-4, (i, hit)
        stream = points(half, rows)
        while batch := list(itertools.islice(stream, 500)):
            result = self.client.upsert(TRENDS, points=batch, wait=True)
            assert result.status.value == "completed"
            i = batch[-1].id
            hits = self.search(TRENDS, self.data.base[i].tolist(), limit=3)
            assert hits[0].score > 1 - 1e-4, (i, hits)
        assert self.count() == rows

    @step
    def searches_while_indexing(self):
        """Every search is complete while the graph is still behind."""
        found = self.search_batch(TRENDS, self.data.queries[:20], [None] * 20)
        scores = self.data.queries[:20] @ self.data.base.T
        kth = data.kth_scores(scores, K)
        hits = sum(scores[q, h.id] >= kth[q] - data.TIE for q in range(20) for h in found[q])
        assert hits >= 0.99 * 20 * K, hits

    @step
    def becomes_green(self):
        info = self.wait_until_green()
        assert info.points_count == len(self.data.base)
        # Deleted copies may be counted until they are compacted, never the other way round.
        assert info.indexed_vectors_count >= 0.9 * len(self.data.base), info.indexed_vectors_count

    @step
    def recall_at_default_settings(self):
        count = len(self.data.queries)
        scores = self.data.queries @ self.data.base.T
        kth = data.kth_scores(scores, K)
        hits = 0
        for first in range(0, count, 50):
            last = min(first + 50, count)
            results = self.search_batch(TRENDS, self.data.queries[first:last], [None] * (last - first))
            for q, found in zip(range(first, last), results):
                assert len(found) == K and len({h.id for h in found}) == K
                assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
                hits += sum(scores[q, h.id] >= kth[q] - data.TIE for h in found)
                for h in found:
                    assert abs(h.score - scores[q, h.id]) < 1e-4, (h, scores[q, h.id])
        recall = hits / (count * K)
        assert recall >= 0.99, f"recall@{K} = {recall:.4f}"
        return {"recall": round(float(recall), 4)}

    @step
    def recall_of_filters(self):
        m = self.models
        scores = self.data.queries[:QUERIES] @ self.data.base.T
        report, problems = {}, []
        for entry in self.data.filters:
            # The 1.7 generation's models have no datetime range.
            if not self.modern and "discovered_at" in json.dumps(entry):
                continue
            filters = [self.data.filter_for(entry, q) for q in range(QUERIES)]
            hits = possible = 0
            for first in range(0, QUERIES, 25):
                results = self.search_batch(
                    TRENDS, self.data.queries[first : first + 25],
                    [m.Filter(**f) for f in filters[first : first + 25]],
                )
                for q, found in zip(range(first, first + 25), results):
                    mask = self.data.mask(filters[q])
                    matching = scores[q][mask]
                    want = min(K, len(matching))
                    if len(found) != want or not all(mask[h.id] for h in found) or len({h.id for h in found}) != want:
                        problems.append(f"{entry['name']}, query {q}: {len(found)} results, {len(matching)} match")
                    hits += sum(scores[q, h.id] >= data.kth_scores(matching, K) - data.TIE for h in found)
                    possible += want
            recall = hits / max(possible, 1)
            report[entry["name"]] = round(float(recall), 4)
            if recall < 0.95:
                problems.append(f"{entry['name']}: recall@{K} = {recall:.4f}")
        assert not problems, problems
        return report

    @step
    def search_parameters(self):
        m, query = self.models, self.data.queries[3]
        scores = self.data.base @ query
        best = np.argsort(-scores, kind="stable")
        for params in (
            m.SearchParams(exact=True),
            m.SearchParams(hnsw_ef=256),
            m.SearchParams(quantization=m.QuantizationSearchParams(ignore=True), hnsw_ef=256),
            m.SearchParams(quantization=m.QuantizationSearchParams(rescore=True, oversampling=3.0), hnsw_ef=256),
        ):
            found = self.search(TRENDS, query.tolist(), params=params)
            kth = scores[best[K - 1]]
            assert sum(scores[h.id] >= kth - data.TIE for h in found) >= (K if params.exact else K - 1), params
        threshold = float(scores[best[4]] + scores[best[5]]) / 2
        above = self.search(TRENDS, query.tolist(), score_threshold=threshold)
        assert len(above) == int((scores >= threshold).sum()), (threshold, above)
        shifted = self.search(TRENDS, query.tolist(), offset=3, limit=4, params=m.SearchParams(exact=True))
        whole = self.search(TRENDS, query.tolist(), limit=7, params=m.SearchParams(exact=True))
        assert [h.id for h in shifted] == [h.id for h in whole[3:]]
        hit = self.search(TRENDS, query.tolist(), limit=1, with_payload=["title"], with_vectors=True)[0]
        assert set(hit.payload) == {"title"} and len(hit.vector) == 768
        np.testing.assert_allclose(hit.vector, self.data.base[hit.id], atol=1e-6)
        hit = self.search(TRENDS, query.tolist(), limit=1, with_payload=False)[0]
        assert hit.payload is None and hit.vector is None

    @step
    def kinds_of_filters(self):
        """Each kind of condition counts what a plain evaluation counts."""
        m, d = self.models, self.data
        extra = [
            (1, {"place": {"lon": 13.4, "lat": 52.5}, "sizes": [1, 2, 3], "live": True, "note": None}),
            (2, {"place": [{"lon": 2.35, "lat": 48.85}, {"lon": 30.3, "lat": 59.9}], "sizes": [], "live": False}),
            (3, {"parts": [{"kind": "a", "n": 1}, {"kind": "b", "n": 5}], "inner": {"deep": {"word": "slow lantern"}}}),
            (4, {"parts": [{"kind": "a", "n": 5}], "ratio": 0.25}),
        ]
        # Not through set_payload, for which null means that a key is to go.
        for i, payload in extra:
            self.client.overwrite_payload(TRENDS, payload={**d.payloads[i], **payload}, points=[i])
        rows = range(len(d.base))
        count, field, must = self.count, self.field, self.must
        near_berlin = m.GeoRadius(center=m.GeoPoint(lon=13.3, lat=52.5), radius=20_000)
        box = m.GeoBoundingBox(top_left=m.GeoPoint(lon=25, lat=65), bottom_right=m.GeoPoint(lon=35, lat=55))
        ring = [(0, 45), (10, 45), (10, 55), (0, 55), (0, 45)]
        polygon = m.GeoPolygon(exterior=m.GeoLineString(points=[m.GeoPoint(lon=x, lat=y) for x, y in ring]))
        cases = [
            ("match", must(field("source", match=m.MatchValue(value="vk"))), int((d.source == "vk").sum())),
            (
                "any",
                must(field("source", match=m.MatchAny(any=["vk", "reddit"]))),
                int(np.isin(d.source, ["vk", "reddit"]).sum()),
            ),
            (
                "except",
                must(field("source", match=m.MatchExcept(**{"except": ["vk", "reddit"]}))),
                int((~np.isin(d.source, ["vk", "reddit"])).sum()),
            ),
            ("array", must(field("tags", match=m.MatchValue(value="news"))), sum("news" in t for t in d.tags)),
            (
                "must_not",
                m.Filter(must_not=[field("tags", match=m.MatchValue(value="news"))]),
                sum("news" not in t for t in d.tags),
            ),
            (
                "should",
                m.Filter(
                    should=[
                        field("source", match=m.MatchValue(value="vk")),
                        field("engagement_score", range=m.Range(gt=1000)),
                    ]
                ),
                int(((d.source == "vk") | (d.engagement > 1000)).sum()),
            ),
            (
                "nested filters",
                m.Filter(
                    must=[
                        m.Filter(must_not=[field("source", match=m.MatchValue(value="vk"))]),
                        m.Filter(should=[field("engagement_score", range=m.Range(lt=5))]),
                    ]
                ),
                int(((d.source != "vk") & (d.engagement < 5)).sum()),
            ),
            (
                "range",
                must(field("engagement_score", range=m.Range(gte=10, lt=100))),
                int(((d.engagement >= 10) & (d.engagement < 100)).sum()),
            ),
            ("float range", must(field("ratio", range=m.Range(gte=0.2, lte=0.25))), 1),
            ("values_count", must(field("tags", values_count=m.ValuesCount(gte=2))), sum(len(p["tags"]) > 1 for p in d.payloads)),
            ("is_empty", must(m.IsEmptyCondition(is_empty=m.PayloadField(key="sizes"))), len(rows) - 1),
            ("is_null", must(m.IsNullCondition(is_null=m.PayloadField(key="note"))), 1),
            ("has_id", must(m.HasIdCondition(has_id=[1, 5, 10**12])), 2),
            ("bool", must(field("live", match=m.MatchValue(value=True))), 1),
            ("geo radius", must(field("place", geo_radius=near_berlin)), 1),
            ("geo box", must(field("place", geo_bounding_box=box)), 1),
            ("geo polygon", must(field("place", geo_polygon=polygon)), 1),
            ("path", must(field("inner.deep.word", match=m.MatchValue(value="slow lantern"))), 1),
            ("text", must(field("inner.deep.word", match=m.MatchText(text="lantern"))), 1),
            ("array path", must(field("parts[].n", match=m.MatchValue(value=5))), 2),
            (
                "nested object",
                must(
                    m.NestedCondition(
                        nested=m.Nested(
                            key="parts",
                            filter=must(
                                field("kind", match=m.MatchValue(value="a")), field("n", match=m.MatchValue(value=5))
                            ),
                        )
                    )
                ),
                1,
            ),
        ]
        if self.modern:
            middle = sorted(d.discovered.tolist())[len(rows) // 2]
            when = datetime.datetime.fromisoformat(middle)
            cases += [
                (
                    "datetime range",
                    must(field("discovered_at", range=m.DatetimeRange(gte=when))),
                    int((d.discovered >= middle).sum()),
                ),
                (
                    "min_should",
                    m.Filter(
                        min_should=m.MinShould(
                            conditions=[
                                field("source", match=m.MatchValue(value="vk")),
                                field("engagement_score", range=m.Range(gt=100)),
                                field("tags", match=m.MatchValue(value="news")),
                            ],
                            min_count=2,
                        )
                    ),
                    sum(
                        sum((bool(s == "vk"), bool(e > 100), "news" in t)) >= 2
                        for s, e, t in zip(d.source, d.engagement, d.tags)
                    ),
                ),
                ("has_vector", must(m.HasVectorCondition(has_vector="")), len(rows)),
            ]
        wrong = []
        for name, filter, expected in cases:
            counted = count(filter)
            found = self.search(TRENDS, d.queries[0].tolist(), filter=filter)
            if counted != expected or len(found) != min(K, expected):
                wrong.append(f"{name}: counted {counted}, found {len(found)}, expected {expected}")
        for i, _ in extra:
            self.client.overwrite_payload(TRENDS, payload=d.payloads[i], points=[i])
        assert not wrong, wrong
        return {"kinds": len(cases)}

    @step
    def scroll(self):
        m, d = self.models, self.data
        filter = self.must(self.field("tags", match=m.MatchValue(value="launch")))
        expected = [i for i, t in enumerate(d.tags) if "launch" in t]
        seen, offset = [], None
        while True:
            page, offset = self.client.scroll(TRENDS, scroll_filter=filter, limit=37, offset=offset, with_vectors=False)
            seen += [p.id for p in page]
            for p in page:
                assert p.payload == d.payloads[p.id]
            if offset is None:
                break
        assert seen == expected, (len(seen), len(expected))
        page, _ = self.client.scroll(TRENDS, limit=3, with_payload=False, with_vectors=True)
        assert [p.id for p in page] == [0, 1, 2]
        np.testing.assert_allclose(page[2].vector, d.base[2], atol=1e-6)
        if self.modern:
            page, _ = self.client.scroll(
                TRENDS, limit=50, order_by=m.OrderBy(key="engagement_score", direction=m.Direction.DESC)
            )
            values = [p.payload["engagement_score"] for p in page]
            assert values == sorted(d.engagement.tolist(), reverse=True)[:50]

    @step
    def retrieve(self):
        points = self.client.retrieve(TRENDS, ids=[5, 7, 10**15], with_vectors=True, with_payload=["source"])
        assert sorted(p.id for p in points) == [5, 7]
        for p in points:
            assert p.payload == {"source": self.data.payloads[p.id]["source"]}
            np.testing.assert_allclose(p.vector, self.data.base[p.id], atol=1e-6)

    @step
    def update_payloads(self):
        m, c = self.models, self.client
        c.set_payload(TRENDS, payload={"seen": True, "engagement_score": -5}, points=[10, 11])
        low = self.must(self.field("engagement_score", match=m.MatchValue(value=-5)))
        assert self.count(low) == 2
        c.set_payload(TRENDS, payload={"flag": "low"}, points=low)
        assert self.count(self.must(self.field("flag", match=m.MatchValue(value="low")))) == 2
        c.overwrite_payload(TRENDS, payload={"only": 1}, points=[11])
        assert c.retrieve(TRENDS, ids=[11])[0].payload == {"only": 1}
        assert self.count(low) == 1
        c.delete_payload(TRENDS, keys=["flag", "seen"], points=[10])
        assert c.retrieve(TRENDS, ids=[10])[0].payload == {**self.data.payloads[10], "engagement_score": -5}
        c.clear_payload(TRENDS, points_selector=m.PointIdsList(points=[11]))
        assert c.retrieve(TRENDS, ids=[11])[0].payload == {}
        for i in (10, 11):
            c.overwrite_payload(TRENDS, payload=self.data.payloads[i], points=[i])
        assert self.count(low) == 0

    @step
    def batch_of_operations(self):
        m, c = self.models, self.client
        vector = self.data.queries[9].tolist()
        uuid = "5c56c793-69f3-4fbf-87e6-c4bf54c28c26"
        operations = [
            m.UpsertOperation(
                upsert=m.PointsList(points=[m.PointStruct(id=uuid, vector=vector, payload={"a": 1})])
            ),
            m.SetPayloadOperation(set_payload=m.SetPayload(payload={"b": [1, 2]}, points=[uuid])),
            m.DeletePayloadOperation(delete_payload=m.DeletePayload(keys=["a"], points=[uuid])),
            m.UpdateVectorsOperation(
                update_vectors=m.UpdateVectors(
                    points=[m.PointVectors(id=uuid, vector=self.data.queries[10].tolist())]
                )
            ),
        ]
        results = c.batch_update_points(TRENDS, update_operations=operations)
        assert len(results) == 4 and all(r.status.value == "completed" for r in results)
        point = c.retrieve(TRENDS, ids=[uuid], with_vectors=True)[0]
        assert point.id == uuid and point.payload == {"b": [1, 2]}
        np.testing.assert_allclose(point.vector, self.data.queries[10], atol=1e-6)
        assert self.search(TRENDS, self.data.queries[10].tolist(), limit=1)[0].id == uuid
        c.delete(TRENDS, points_selector=[uuid])
        assert c.retrieve(TRENDS, ids=[uuid]) == []

    @step
    def delete_points(self):
        m, c, d = self.models, self.client, self.data
        doomed = [i for i, t in enumerate(d.tags) if "launch" in t]
        selector = m.FilterSelector(filter=self.must(self.field("tags", match=m.MatchValue(value="launch"))))
        c.delete(TRENDS, points_selector=selector)
        assert self.count() == len(d.base) - len(doomed)
        for i in doomed[:10]:
            assert all(h.id not in doomed for h in self.search(TRENDS, d.base[i].tolist()))
        for first in range(0, len(doomed), 200):
            c.upsert(
                TRENDS,
                points=m.Batch(
                    ids=doomed[first : first + 200],
                    vectors=[d.base[i].tolist() for i in doomed[first : first + 200]],
                    payloads=[d.payloads[i] for i in doomed[first : first + 200]],
                ),
            )
        assert self.count() == len(d.base)
        assert self.search(TRENDS, d.base[doomed[0]].tolist(), limit=1)[0].score > 1 - 1e-4

    @step
    def aliases(self):
        m, c = self.models, self.client
        create = lambda collection: m.CreateAliasOperation(
            create_alias=m.CreateAlias(collection_name=collection, alias_name="current")
        )
        assert c.update_collection_aliases([create(IDEAS)])
        assert c.count("current").count == 0
        assert c.update_collection_aliases(
            [m.DeleteAliasOperation(delete_alias=m.DeleteAlias(alias_name="current")), create(TRENDS)]
        )
        assert c.count("current").count == len(self.data.base)
        assert [(a.alias_name, a.collection_name) for a in c.get_aliases().aliases] == [("current", TRENDS)]
        assert [a.alias_name for a in c.get_collection_aliases(TRENDS).aliases] == ["current"]
        c.update_collection_aliases([m.DeleteAliasOperation(delete_alias=m.DeleteAlias(alias_name="current"))])

    @step
    def ideas_collection(self):
        m, c = self.models, self.client
        points = [
            m.PointStruct(id=i, vector=self.data.base[i].tolist(), payload={"trend_id": i, "status": "pending"})
            for i in range(300)
        ]
        c.upload_points(IDEAS, points, batch_size=50, wait=True)
        assert self.count(collection=IDEAS) == 300
        assert self.search(IDEAS, self.data.base[17].tolist(), limit=1)[0].payload["trend_id"] == 17
        # A small collection is scanned, so its answers are exact.
        scores = self.data.base[:300] @ self.data.queries[0]
        found = self.search(IDEAS, self.data.queries[0].tolist(), limit=20)
        np.testing.assert_allclose([h.score for h in found], np.sort(scores)[::-1][:20], atol=1e-5)

    @step
    def snapshot(self):
        c = self.client
        self.before = self.search_batch(TRENDS, self.data.queries[:30], [None] * 30)
        description = c.create_snapshot(TRENDS)
        listed = c.list_snapshots(TRENDS)
        assert description.name in [s.name for s in listed] and description.size > 0
        self.file = self.folder / "trends.snapshot"
        with urllib.request.urlopen(f"{self.url}/collections/{TRENDS}/snapshots/{description.name}") as response:
            self.file.write_bytes(response.read())
        assert self.file.stat().st_size == description.size
        with open(self.file, "rb") as f:
            self.checksum = hashlib.file_digest(f, "sha256").hexdigest()
        assert getattr(description, "checksum", self.checksum) == self.checksum
        c.delete_snapshot(TRENDS, description.name)
        assert c.list_snapshots(TRENDS) == []

    @step
    def drop(self):
        assert self.client.delete_collection(TRENDS)
        assert TRENDS not in [c.name for c in self.client.get_collections().collections]
        try:
            self.client.get_collection(TRENDS)
        except Exception as error:
            assert getattr(error, "status_code", None) == 404, error
        else:
            raise AssertionError("the collection is still there")

    @step
    def restore(self):
        more = {"checksum": self.checksum} if self.modern else {}
        assert self.client.recover_snapshot(TRENDS, location=self.file.as_uri(), wait=True, **more)
        assert self.count() == len(self.data.base)

    @step
    def search_again(self):
        d = self.data
        info = self.wait_until_green()
        assert info.points_count == len(d.base)
        assert info.config.quantization_config.scalar.quantile is not None
        assert info.payload_schema["source"].data_type.value == "keyword"
        after = self.search_batch(TRENDS, d.queries[:30], [None] * 30)
        same = sum(len({h.id for h in a} & {h.id for h in b}) for a, b in zip(self.before, after))
        assert same >= 0.97 * 30 * K, same
        for i in self.rng.sample(range(len(d.base)), 50):
            point = self.client.retrieve(TRENDS, ids=[i], with_vectors=True)[0]
            assert point.payload == d.payloads[i]
            np.testing.assert_allclose(point.vector, d.base[i], atol=1e-6)
        m = self.models
        assert self.count(self.must(self.field("source", match=m.MatchValue(value="vk")))) == int((d.source == "vk").sum())
        self.client.delete_collection(TRENDS)
        self.client.delete_collection(IDEAS)


def main(url, folder, report, rows):
    with open(report, "w") as out:
        try:
            view = ClientView(url, folder, int(rows))
        except Exception:
            out.write(json.dumps({"step": "connect", "ok": False, "error": traceback.format_exc()}) + "\n")
            return
        for name in STEPS:
            started = time.monotonic()
            outcome = {"step": name, "ok": True}
            try:
                outcome["note"] = getattr(view, name)()
            except Exception:
                outcome.update(ok=False, error=traceback.format_exc()[-4000:])
            outcome["seconds"] = round(time.monotonic() - started, 2)
            out.write(json.dumps(outcome) + "\n")
            out.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
