#!/usr/bin/env python3
"""The life of a trend, told by a server of its own on a free port, with a temporary folder that is removed afterwards.

Trends come in, and one comes twice; the server embeds them, finds them by words and by likeness, has ideas made of them, and tells each
step in its log of events; an idea is approved and becomes a business; a snapshot brings back what was deleted.

It needs nothing but Python's standard library. Texts are embedded by the local model if `make model` has fetched it, and lexically
otherwise: then texts are close by common words and letters alone. The language model that makes ideas is a stub in this program: its
scores mean nothing. docs/CONFIGURATION.md tells how to name a real one.

trends.jsonl     320 trends, one a line, written for this project
"""

import http.server
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
SERVER = os.path.join(TOP, ".build", "release", "trendex")
MODEL = os.path.join(TOP, "models", "all-mpnet-base-v2")
START_SECONDS = 60
EMBED_SECONDS = 600
JOB_SECONDS = 60
SEARCHES = [
    ("gadgets that keep working without electricity", {}),
    ("cheap, filling dinners", {"category": "food"}),
    ("calm hobbies without a screen", {"min_engagement": 100}),
]


class DemoError(Exception):
    pass


def say(text=""):
    print(text, flush=True)


def heading(text):
    say(f"\n── {text} " + "─" * max(0, 90 - len(text)))


def cut(text, width):
    return text if len(text) <= width else text[: width - 1] + "…"


class StubModel(http.server.BaseHTTPRequestHandler):
    """Answers as an OpenAI-compatible chat service: with ideas made of the trend's title, and scores by chance."""

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        material = json.loads(request["messages"][1]["content"])
        pick = random.Random(json.dumps(material, sort_keys=True))
        if "ideas" in material:
            order = sorted(material["ideas"], key=lambda idea: -idea["market_size"] - idea["demand"])
            answer = {
                "ranking": [
                    {"idea": idea["idea"], "recommendation": "watch" if place else "pursue", "reason": "by market and demand"}
                    for place, idea in enumerate(order)
                ]
            }
        elif "idea" in material:
            scores = ["market_size", "competition", "demand", "monetization", "feasibility", "time_to_market"]
            answer = {score: pick.randint(30, 95) for score in scores}
        else:
            title = material["trend"]["title"]
            answer = {
                "title": f"A subscription for {title.lower()}", "description": f"A monthly box around {title.lower()}.",
                "summary": "People talk of it more each week.", "audience": "Households in towns",
                "competitors": ["two small shops"], "risks": ["a passing fashion"],
            }  # fmt: skip
        reply = {
            "id": "stub", "object": "chat.completion", "model": request["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": json.dumps(answer)}}],
            "usage": {"prompt_tokens": 400, "completion_tokens": 120, "total_tokens": 520},
        }  # fmt: skip
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server:
    """A server on a free port whose folder disappears with it."""

    def __enter__(self):
        if not os.access(SERVER, os.X_OK):
            raise DemoError(f"{os.path.relpath(SERVER)} is not built; `make build` makes it")
        self.has_model = os.path.exists(os.path.join(MODEL, "model.safetensors"))
        self.folder = tempfile.mkdtemp(prefix="trendex-demo-")
        self.log = open(os.path.join(self.folder, "log"), "w+b")
        self.stub = http.server.ThreadingHTTPServer(("127.0.0.1", 0), StubModel)
        threading.Thread(target=self.stub.serve_forever, daemon=True).start()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("QDRANT__", "TRENDEX__"))},
            "QDRANT__SERVICE__HOST": "127.0.0.1",
            "QDRANT__SERVICE__HTTP_PORT": str(port),
            "QDRANT__STORAGE__STORAGE_PATH": os.path.join(self.folder, "storage"),
            "QDRANT__STORAGE__SNAPSHOTS_PATH": os.path.join(self.folder, "snapshots"),
            "TRENDEX__EMBEDDER__MODEL": MODEL if self.has_model else "lexical",
            "TRENDEX__ANALYST__BASE_URL": f"http://127.0.0.1:{self.stub.server_port}/v1",
            "TRENDEX__ANALYST__MODEL": "stub",
        }
        try:
            self.process = subprocess.Popen(
                [SERVER, "serve"], env=environment, cwd=self.folder, stdout=self.log, stderr=self.log
            )
        except OSError as error:
            self.clean_up()
            raise DemoError(f"the server does not start: {error}")
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                tail = self.log.read().decode(errors="replace")[-1500:]
                self.__exit__()
                raise DemoError(f"the server did not become ready; its log ends with:\n{tail}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.clean_up()

    def clean_up(self):
        self.stub.shutdown()
        self.stub.server_close()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self):
        try:
            with urllib.request.urlopen(self.url + "/readyz", timeout=2) as response:
                return response.status == 200
        except (OSError, ValueError):
            return False

    def call(self, method, path, body=None, api="/api/v1"):
        """The status, and what the answer's envelope holds."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.url + api + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                answer = json.load(response)
                return response.status, answer["data"] if api else answer["result"]
        except urllib.error.HTTPError as error:
            raise DemoError(f"{method} {path} answered {error.code}: {error.read().decode(errors='replace')[:300]}")
        except (OSError, ValueError, KeyError) as error:
            raise DemoError(f"{method} {self.url}{path} failed: {error}")

    def get(self, path):
        return self.call("GET", path)[1]

    def post(self, path, body):
        return self.call("POST", path, body)[1]


class Follower(threading.Thread):
    """Follows the log of events, and counts what it hears."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.stream = urllib.request.urlopen(f"{server.url}/api/v1/events?after=0", timeout=120)
        self.counts = {}

    def run(self):
        try:
            for line in self.stream:
                if line.startswith(b"event: "):
                    name = line[7:].strip().decode()
                    self.counts[name] = self.counts.get(name, 0) + 1
        except (OSError, ValueError):
            pass  # The demo is over.


def wait(seconds, what, is_done):
    deadline = time.monotonic() + seconds
    while not (found := is_done()):
        if time.monotonic() > deadline:
            raise DemoError(f"{what} took more than {seconds} s")
        time.sleep(0.05)
    return found


def ingest(server):
    heading("Trends come in")
    with open(os.path.join(HERE, "trends.jsonl"), encoding="utf-8") as f:
        rows = [{k: v for k, v in json.loads(line).items() if k != "id"} for line in f]
    started = time.monotonic()
    made = server.post("/trends/batch", {"trends": rows})
    seconds = time.monotonic() - started
    say(f"{len(made['created'])} trends stored in {seconds:.2f} s, without embeddings.")
    first = rows[0]
    again = {**first, "title": first["title"].upper() + "!", "engagement_score": first["engagement_score"] + 1_000}
    status, known = server.call("POST", "/trends", again)
    say(f"“{again['title']}” comes again: {status}, it is the trend “{known['title']}”, which got an observation.")
    started = time.monotonic()
    wait(EMBED_SECONDS, "embedding", lambda: server.get("/trends/stats")["needing_embeddings"] == 0)
    by = "the local model" if server.has_model else "hashed words (lexically; `make model` fetches a real model)"
    say(f"The server embedded them in the background by {by}: {time.monotonic() - started:.1f} s.")
    return len(made["created"])


def show(hits):
    for hit in hits:
        trend = hit["trend"]
        why = ""
        if words := (hit.get("match") or {}).get("text"):
            why = f"  words: {', '.join(words.get('terms', []))}"
        say(f"  {hit['score']:.3f}  {cut(trend['title'], 48):<48}  {trend['category']:<14}  {trend['source']:<13}{why}")


def search(server):
    heading("Found by words, by meaning, and by likeness")
    for text, filters in SEARCHES:
        query = urllib.parse.urlencode({"q": text, "limit": 3, "mode": "hybrid", **filters})
        started = time.monotonic()
        hits = server.get(f"/trends/search?{query}")["items"]
        if not hits:
            raise DemoError(f"“{text}” found nothing")
        limits = ", ".join(f"{key} {value}" for key, value in filters.items()) or "no filter"
        say(f"“{text}” ({limits}; {1000 * (time.monotonic() - started):.1f} ms)")
        show(hits)
    trend = hits[0]["trend"]
    say(f"More like “{trend['title']}”:")
    show(server.post("/trends/search", {"like": trend["id"], "limit": 3})["items"])


def analyse(server):
    heading("Ideas are made of the three that engage most")
    top = server.get("/trends?order_by=engagement_score&limit=3")["items"]
    job = server.post("/ideas/analyze", {"trend_ids": [trend["id"] for trend in top]})["job_id"]
    done = wait(
        JOB_SECONDS, "the analysis",
        lambda: (j := server.get(f"/jobs/{job}"))["status"] in ("completed", "failed", "cancelled") and j,
    )  # fmt: skip
    if done["status"] != "completed":
        raise DemoError(f"the analysis {done['status']}: {done['error']}")
    ideas = server.get("/ideas/top?limit=3")["items"]
    for idea in ideas:
        say(f"  {idea['total_score']:>3}  {cut(idea['title'], 60):<60}  {idea['status']}")
    best = ideas[0]
    server.call("PATCH", f"/ideas/{best['id']}", {"status": "approved"})
    business = server.post("/businesses", {"idea_id": best["id"], "name": best["title"]})
    say(f"Approved: “{best['title']}”; it is a business in {business['status']} now.")
    say("(The scores are drawn by a stub: name a chat service to have them thought about.)")
    return top[0]


def restore(server, trend, count):
    heading("A snapshot brings back what was deleted")
    name = server.call("POST", "/collections/trends/snapshots", api="")[1]["name"]
    ideas = server.call("POST", "/collections/ideas/snapshots", api="")[1]["name"]
    server.call("DELETE", f"/trends/{trend['id']}")
    left = server.get("/trends/stats")["total"]
    say(f"“{trend['title']}” is deleted with its idea: {left} trends are left.")
    for collection, snapshot in (("trends", name), ("ideas", ideas)):
        place = os.path.join(server.folder, "snapshots", collection, snapshot)
        body = {"location": f"file://{place}"}
        server.call("PUT", f"/collections/{collection}/snapshots/recover?wait=true", body, api="")
    back, idea = server.get(f"/trends/{trend['id']}"), server.get(f"/ideas?trend={trend['id']}")["items"]
    total = server.get("/trends/stats")["total"]
    if total != count or len(idea) != 1:
        raise DemoError(f"{total} trends and {len(idea)} ideas of the deleted one are there after the restore")
    found = server.post("/trends/search", {"like": back["id"], "limit": 1})["items"]
    say(f"Restored: {total} trends, “{back['title']}” with its idea “{idea[0]['title']}” and its vector ({found[0]['score']:.3f} to the next).")


def run(server):
    follower = Follower(server)
    follower.start()
    count = ingest(server)
    search(server)
    trend = analyse(server)
    heading("What the log of events told meanwhile")
    wait(10, "hearing of the business", lambda: follower.counts.get("business.created"))
    for name, number in sorted(follower.counts.items()):
        say(f"  {number:>4}  {name}")
    restore(server, trend, count)


def main():
    say("Starting a server with a temporary folder.")
    with Server() as server:
        run(server)
    say("\nDone; the server and its data are gone. `make serve` starts one that stays; docs/TREND_API.md tells what to ask it.")


if __name__ == "__main__":
    try:
        main()
    except DemoError as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
