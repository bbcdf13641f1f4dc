#!/usr/bin/env python3
"""Measures what a request costs in several servers, asked in turn: two builds, or one build with and without keys, tokens and limits.

usage: compare_requests.py builds OLD NEW [--pairs N]
       compare_requests.py access SERVER [--pairs N]

One client asks all servers one after the other, in an order drawn anew each time, for a search of 2,000 × 32, so that whatever
else the machine does meets all of them alike. The CPU time is that of the server's threads, by the scheduler's nanoseconds. A build that
runs beside it makes both larger; trust ratios, and no single run: how a process lies in memory alone makes 2 or 3 %.
"""

import argparse
import base64
import contextlib
import hashlib
import hmac
import json
import os
import random
import socket
import tempfile
import time

from server import HEADERS, Server

SECRET = "a secret of the measurement, of 32 bytes and more"
UNLIMITED = "1000000000"


def part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token():
    claims = {"sub": "measurement", "role": "admin", "exp": int(time.time()) + 36_000}
    text = b".".join(part(json.dumps(value).encode()) for value in ({"alg": "HS256", "typ": "JWT"}, claims))
    return (text + b"." + part(hmac.digest(SECRET.encode(), text, hashlib.sha256))).decode()


def cases(arguments):
    """Name, program, settings and header of each server; the first is what the others are compared with."""
    if arguments.mode == "builds":
        return [("old", arguments.servers[0], {}, {}), ("new", arguments.servers[1], {}, {})]
    key = {"QDRANT__SERVICE__API_KEY": "the-key"}
    jwt = {"QDRANT__SERVICE__JWT__SECRET": SECRET}
    shown = {"api-key": "the-key"}, {"authorization": f"Bearer {token()}"}
    limit = "QDRANT__RATE_LIMITS__{}__PER_MINUTE"
    return [
        (name, arguments.servers[0], settings, header)
        for name, settings, header in [
            ("open", {}, {}),
            ("key", key, shown[0]),
            ("key, limited", {**key, limit.format("API_KEY"): UNLIMITED}, shown[0]),
            ("token", {**jwt, limit.format("JWT"): "unlimited"}, shown[1]),
            ("token, limited", {**jwt, limit.format("JWT"): UNLIMITED}, shown[1]),
        ]
    ]


class Asked:
    """A server with points, and a connection that sends one search again and again."""

    def __init__(self, server, header):
        self.process = server.process.pid
        HEADERS.update(header)
        server.connection.call("PUT", "/collections/c", json.dumps({"vectors": {"size": 32, "distance": "Dot"}}))
        drawn = random.Random(7)
        points = [{"id": i, "vector": [drawn.random() for _ in range(32)]} for i in range(2_000)]
        server.connection.call("PUT", "/collections/c/points?wait=true", json.dumps({"points": points}))
        for name in header:
            del HEADERS[name]
        body = json.dumps({"query": [round(drawn.random(), 4) for _ in range(32)], "limit": 3})
        lines = [
            "POST /collections/c/points/query HTTP/1.1", f"host: 127.0.0.1:{server.port}", "accept: */*",
            "content-type: application/json", *(f"{name}: {value}" for name, value in header.items()),
            f"content-length: {len(body)}", "", body,
        ]  # fmt: skip
        self.request = "\r\n".join(lines).encode()
        self.socket = socket.create_connection(("127.0.0.1", server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.times = []

    def ask(self):
        begun = time.perf_counter_ns()
        self.socket.sendall(self.request)
        answer = self.socket.recv(65_536)
        self.times.append(time.perf_counter_ns() - begun)
        assert answer.startswith(b"HTTP/1.1 200"), answer[:300]

    def cpu(self):
        """Nanoseconds on a core, of all threads that there are."""
        threads = f"/proc/{self.process}/task"
        return sum(int(open(f"{threads}/{thread}/schedstat").read().split()[0]) for thread in os.listdir(threads))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["builds", "access"])
    parser.add_argument("servers", nargs="+")
    parser.add_argument("--pairs", type=int, default=30_000)
    arguments = parser.parse_args()
    if len(arguments.servers) != (2 if arguments.mode == "builds" else 1):
        parser.error("`builds` takes two servers, `access` one")
    with contextlib.ExitStack() as stack:
        asked = {}
        for name, program, settings, header in cases(arguments):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="trendex-requests-"))
            server = stack.enter_context(Server(program, folder, TRENDEX__RECALL_AUDIT="false", **settings))
            asked[name] = Asked(server, header)
        order = list(asked.values())
        for turn in range(arguments.pairs + 2_000):
            if turn == 2_000:
                for one in order:
                    one.times.clear()
                before = {name: one.cpu() for name, one in asked.items()}
            random.shuffle(order)
            for one in order:
                one.ask()
        spent = {name: (one.cpu() - before[name]) / arguments.pairs / 1000 for name, one in asked.items()}
    first = next(iter(spent.values()))
    print("| | p10 µs | p50 µs | p90 µs | CPU µs | ratio |\n|---|---:|---:|---:|---:|---:|")
    for name, one in asked.items():
        times = sorted(one.times)
        shown = " | ".join(f"{times[int(share * len(times))] / 1000:.1f}" for share in (0.1, 0.5, 0.9))
        print(f"| {name} | {shown} | {spent[name]:.1f} | {spent[name] / first:.3f} |")


if __name__ == "__main__":
    main()
