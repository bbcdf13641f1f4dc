#!/usr/bin/env python3
"""Copies collections from one server with Qdrant's API to another: settings, payload indexes, points with all their vectors, aliases.

usage: migrate_qdrant.py SOURCE TARGET [--collection NAME …] [--into-existing] [--batch 256] [--state FILE]
       [--source-key KEY] [--target-key KEY]

SOURCE and TARGET are URLs. Without --collection all collections are copied. Where it has come to is kept in the state's file after
each batch, so that an interrupted run goes on where it was; a collection that is done isn't copied again unless the file
is deleted. Points are upserted by id, so copying twice does no harm. What was written to or deleted from the source behind the
cursor meanwhile is not seen: stop the writers for the last run. A collection that has what Trendex lacks (sparse vectors,
multivectors, quantization other than scalar) is refused before anything of it is copied.

It needs `pip install qdrant-client`.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from qdrant_client import QdrantClient, models


class Refusal(Exception):
    pass


class State:
    """By collection: the next offset, or True when all is copied."""

    def __init__(self, path):
        self.path = path
        self.places = json.loads(path.read_text()) if path.exists() else {}

    def save(self, collection, place):
        self.places[collection] = place
        partial = self.path.with_name(self.path.name + ".partial")
        with open(partial, "w") as file:
            json.dump(self.places, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self.path)


def dense(parameters, name):
    if parameters.multivector_config is not None:
        raise Refusal(f"the vector {name!r} is a multivector")
    return models.VectorParams(
        size=parameters.size, distance=parameters.distance, datatype=parameters.datatype,
        hnsw_config=parameters.hnsw_config, quantization_config=scalar(parameters.quantization_config),
    )  # fmt: skip


def scalar(quantization):
    if quantization is None or isinstance(quantization, models.ScalarQuantization):
        return quantization
    raise Refusal(f"it has {type(quantization).__name__}, and only scalar quantization is there")


def make(target, name, config):
    """The same collection without points."""
    if config.params.sparse_vectors:
        raise Refusal("it has sparse vectors")
    vectors = config.params.vectors
    named = isinstance(vectors, dict)
    hnsw = config.hnsw_config
    target.create_collection(
        name,
        vectors_config={key: dense(value, key) for key, value in vectors.items()} if named else dense(vectors, ""),
        hnsw_config=models.HnswConfigDiff(m=hnsw.m, ef_construct=hnsw.ef_construct),
        quantization_config=scalar(config.quantization_config),
    )


def copy(source, target, name, options, state):
    place = state.places.get(name)
    if place is True:
        return print(f"{name}: copied before")
    info = source.get_collection(name)
    if place is None and target.collection_exists(name):
        if not options.into_existing:
            raise Refusal("the target has such a collection; --into-existing copies into it")
    elif place is None:
        make(target, name, info.config)
    total = source.count(name, exact=True).count
    done = 0
    while place is not True:
        points, following = source.scroll(
            name, limit=options.batch, offset=place, with_payload=True, with_vectors=True)
        if points:
            target.upsert(
                name, wait=True,
                points=[models.PointStruct(id=p.id, vector=p.vector or {}, payload=p.payload) for p in points])
        done += len(points)
        place = True if following is None else following
        if place is not True:
            state.save(name, place)
        print(f"\r{name}: {done} of {total} points", end="", flush=True)
    # After the points: one scan makes each index, where each batch would have to keep it up to date.
    for key, index in (info.payload_schema or {}).items():
        target.create_payload_index(name, key, field_schema=index.params or index.data_type, wait=True)
    copied = target.count(name, exact=True).count
    print(f"\r{name}: {copied} points in the target, {total} in the source")
    if copied < total:
        raise Refusal(f"{total - copied} points are missing; delete the state's file and run again")
    for alias in source.get_collection_aliases(name).aliases:
        create = models.CreateAlias(collection_name=name, alias_name=alias.alias_name)
        target.update_collection_aliases([models.CreateAliasOperation(create_alias=create)])
    state.save(name, True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", help="URL of the server to copy from")
    parser.add_argument("target", help="URL of the server to copy to")
    parser.add_argument("--source-key", default=os.environ.get("SOURCE_API_KEY"), help="or SOURCE_API_KEY")
    parser.add_argument("--target-key", default=os.environ.get("TARGET_API_KEY"), help="or TARGET_API_KEY")
    parser.add_argument("--collection", action="append", help="may be given several times; default: all")
    parser.add_argument("--into-existing", action="store_true", help="copy into collections that the target has")
    parser.add_argument("--batch", type=int, default=256, help="points a request (256)")
    parser.add_argument("--state", type=Path, default=Path("migrate_qdrant.state.json"))
    options = parser.parse_args()
    more = {"timeout": 600, "check_compatibility": False}
    source = QdrantClient(options.source, api_key=options.source_key, **more)
    target = QdrantClient(options.target, api_key=options.target_key, **more)
    state = State(options.state)
    failed = False
    for name in options.collection or sorted(c.name for c in source.get_collections().collections):
        try:
            copy(source, target, name, options, state)
        except Refusal as reason:
            failed = True
            print(f"{name}: not copied: {reason}", file=sys.stderr)
    sys.exit(failed)


if __name__ == "__main__":
    main()
