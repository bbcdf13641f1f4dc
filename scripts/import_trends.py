#!/usr/bin/env python3
"""Sends rows of trends, one JSON object a line, to /api/v1/trends/batch.

usage: import_trends.py FILE [--url http://localhost:6333] [--api-key KEY] [--batch 500]

A line has the members of a trend as docs/TREND_API.md tells them, `embedding` among them, if there is one; null members are left
out. An id that is no UUID gets one that always follows from it, and is kept as `metadata.imported_id`. Rows that are there
already are passed over, so that an interrupted run can be repeated. Rows that are wrong are told by their line, and the others
are kept; the exit code is 1 then. It needs nothing but Python.
"""

import argparse
import itertools
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

# Of a request that the server has no room for yet.
ATTEMPTS = 10
NAMESPACE = uuid.UUID("5f0c5d2e-9c0b-5a52-8f3b-3c1f6f0d7a11")


def trend(line):
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError(f"it is {line.strip()[:60]}")
    row = {key: value for key, value in row.items() if value is not None}
    # What follows from observations can't be given.
    row.pop("stage", None)
    given = row.get("id")
    if given is not None:
        try:
            row["id"] = str(uuid.UUID(str(given)))
        except ValueError:
            row["id"] = str(uuid.uuid5(NAMESPACE, str(given)))
            metadata = row.get("metadata", {})
            if not isinstance(metadata, dict):
                raise ValueError("`metadata` is no object")
            row["metadata"] = {**metadata, "imported_id": given}
    return row


class Importer:
    def __init__(self, url, key):
        self.url = url.rstrip("/") + "/api/v1/trends"
        self.headers = {"content-type": "application/json", **({"api-key": key} if key else {})}
        self.created = self.known = self.wrong = 0

    def call(self, method, path, body=None, allowed=()):
        """Status and JSON of an answer. Ends the program for a status of 400 or more that isn't allowed."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self.headers, method=method)
        for _ in range(ATTEMPTS):
            try:
                with urllib.request.urlopen(request, timeout=600) as answer:
                    return answer.status, json.load(answer)
            except urllib.error.HTTPError as failure:
                error = failure
                text = error.read().decode(errors="replace")
                if error.code not in (429, 503):
                    break
                time.sleep(min(float(error.headers.get("retry-after") or 1), 300))
            except OSError as failure:
                sys.exit(f"{self.url}: {failure}")
        if error.code not in allowed:
            sys.exit(f"{method} {self.url}{path} answered {error.code}: {text[:500]}")
        return error.code, json.loads(text)

    def is_known(self, row):
        return "id" in row and self.call("GET", f"/{row['id']}", allowed=[404])[0] == 200

    def send(self, numbered):
        status, answer = self.call("POST", "/batch", {"trends": [{**row, "deduplicate": False} for _, row in numbered]}, allowed=[422])
        if status != 422:
            self.created += len(answer["data"]["created"])
            for error in answer["data"]["errors"]:
                self.tell(*numbered[error["index"]], error["error"])
        elif len(numbered) == 1:
            self.tell(*numbered[0], answer["error"])
        else:
            # Not one was taken, and only the first reasons are told: each by itself.
            for one in numbered:
                if self.is_known(one[1]):
                    self.known += 1
                else:
                    self.send([one])

    def tell(self, line, row, error):
        if self.is_known(row):
            self.known += 1
            return
        self.wrong += 1
        details = "; ".join(f"{d['field']} {d['message']}" for d in error.get("details") or [])
        print(f"line {line}: {details or error['message']}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", help="- for standard input")
    parser.add_argument("--url", default="http://localhost:6333")
    parser.add_argument("--api-key", default=os.environ.get("QDRANT__SERVICE__API_KEY"))
    parser.add_argument("--batch", type=int, default=500)
    options = parser.parse_args()
    importer = Importer(options.url, options.api_key)
    with sys.stdin if options.file == "-" else open(options.file, encoding="utf-8") as lines:
        rows = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
        while batch := list(itertools.islice(rows, options.batch)):
            numbered = []
            for number, line in batch:
                try:
                    numbered.append((number, trend(line)))
                except ValueError as error:
                    importer.wrong += 1
                    print(f"line {number}: no JSON object: {error}", file=sys.stderr)
            if numbered:
                importer.send(numbered)
    print(f"{importer.created} created, {importer.known} there already, {importer.wrong} wrong")
    sys.exit(importer.wrong > 0)


if __name__ == "__main__":
    main()
