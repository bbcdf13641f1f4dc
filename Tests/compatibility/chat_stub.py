"""A chat service of OpenAI's form, which answers as a test says."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SCORES = ["market_size", "competition", "demand", "monetization", "feasibility", "time_to_market"]
STEPS = {"research": "research trends", "scoring": "score business ideas", "ranking": "rank business ideas"}


def step_of(request):
    return next(step for step, words in STEPS.items() if words in request["messages"][0]["content"])


def right_content(request):
    """An answer that can be used, told by what is asked."""
    material = json.loads(request["messages"][1]["content"])
    step = step_of(request)
    if step == "research":
        title = material["trend"]["title"]
        return json.dumps({
            "title": f"Idea of {title}"[:200], "description": "Sold by subscription", "summary": "It grows",
            "audience": "Tenants", "competitors": ["None yet"], "risks": ["Rules"],
        })  # fmt: skip
    if step == "scoring":
        return json.dumps({**{name: 10 * place for place, name in enumerate(SCORES, 4)}, "reasoning": "Estimated"})
    ideas = [idea["idea"] for idea in material["ideas"]]
    return json.dumps({"ranking": [{"idea": i, "recommendation": "watch", "reason": "So far"} for i in reversed(ideas)]})


def completion(content, finish="stop", usage=(1000, 100)):
    return {
        "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": finish}],
        "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1]},
    }  # fmt: skip


class ChatStub:
    """`with ChatStub() as stub:`. `stub.script` has what comes first, in order: functions that are called with the handler and the
    request; when it is empty, answers are right."""

    def __init__(self):
        self.script, self.requests, self.keys, self.lock = [], [], [], threading.Lock()
        self.arrived = threading.Condition(self.lock)
        self.released = threading.Event()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with stub.lock:
                    stub.requests.append(request)
                    stub.keys.append((self.path, self.headers.get("authorization")))
                    step = stub.script.pop(0) if stub.script else None
                    stub.arrived.notify_all()
                try:
                    (step or stub.right)(self, request)
                except OSError:
                    pass  # the server that asked is gone

            def send(self, status, body, headers=()):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/v1"

    @property
    def steps(self):
        with self.lock:
            return [step_of(request) for request in self.requests]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def wait_for(self, count, seconds=30):
        """Until so many requests have come."""
        with self.lock:
            assert self.arrived.wait_for(lambda: len(self.requests) >= count, seconds), len(self.requests)

    # What a step of the script may be.

    @staticmethod
    def right(handler, request):
        handler.send(200, completion(right_content(request)))

    @staticmethod
    def content(text, finish="stop"):
        return lambda handler, _: handler.send(200, completion(text, finish))

    @staticmethod
    def fenced(handler, request):
        handler.send(200, completion(f"```json\n{right_content(request)}\n```"))

    @staticmethod
    def body(data):
        return lambda handler, _: handler.send(200, data)

    @staticmethod
    def status(status, headers=(), body=b'{"error": {"message": "as the test says"}}'):
        return lambda handler, _: handler.send(status, body, headers)

    def stall(self, handler, _):
        """Says nothing until the test ends."""
        self.released.wait(300)

    def drip(self, handler, _):
        """An answer that never ends."""
        handler.send_response(200)
        handler.send_header("content-length", "100000")
        handler.end_headers()
        while not self.released.is_set():
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.1)
