"""A Trendex server under test: started on a free port with folders of its own, stopped or killed, started again."""

import http.client
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

CHECKOUT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("TRENDEX_BINARY", CHECKOUT / ".build" / "release" / "trendex"))
START_SECONDS = 60
STOP_SECONDS = 60


class ServerDied(AssertionError):
    pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Answer:
    """One HTTP answer. `result` is the envelope's, and fails the test unless the status is 200."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def result(self):
        assert self.status == 200, f"{self.status}: {self.body[:600]!r}"
        envelope = self.json
        assert envelope["status"] == "ok", envelope
        assert isinstance(envelope["time"], (int, float)), envelope
        return envelope["result"]

    @property
    def error(self):
        """The text of an error envelope."""
        status = self.json["status"]
        assert isinstance(status, dict) and isinstance(status["error"], str), self.body[:600]
        return status["error"]


class Rest:
    """A keep-alive connection to a server; one thread at a time."""

    def __init__(self, port, headers=None, timeout=120):
        self.port, self.timeout = port, timeout
        self.headers = {"content-type": "application/json", **(headers or {})}
        self.connection = None

    def call(self, method, path, body=None, headers=None):
        data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        if isinstance(data, str):
            data = data.encode()
        merged = {**self.headers, **(headers or {})}
        for attempt in (0, 1):
            fresh = self.connection is None
            if fresh:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
            try:
                self.connection.request(method, path, data, merged)
                response = self.connection.getresponse()
                answer = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
                if response.will_close:
                    self.close()
                return answer
            except (http.client.HTTPException, OSError):
                self.close()
                # An idle connection may have been closed; only such a one is worth a second try.
                if fresh or attempt:
                    raise

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def put(self, path, body=None, **more):
        return self.call("PUT", path, body, **more)

    def post(self, path, body=None, **more):
        return self.call("POST", path, body, **more)

    def patch(self, path, body=None, **more):
        return self.call("PATCH", path, body, **more)

    def delete(self, path, body=None, **more):
        return self.call("DELETE", path, body, **more)


class Server:
    """`with Server() as server:` starts one; its folder disappears with it."""

    def __init__(self, environment=None, arguments=(), config=None):
        self.environment, self.arguments, self.config = dict(environment or {}), list(arguments), config
        self.folder = Path(tempfile.mkdtemp(prefix="trendex-test-"))
        self.storage, self.snapshots = self.folder / "storage", self.folder / "snapshots"
        self.log = self.folder / "log"
        # A file that takes the place of the log.
        self.output = None
        # A command that runs the server's, if any.
        self.wrapper = []
        # What the process may have of a resource, by its `RLIMIT_…`.
        self.limits = {}
        self.process = None
        self.port = None
        self.rest = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.kill()
        finally:
            self.remove()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def launch(self):
        """Starts the process without waiting for it to be ready."""
        assert os.access(BINARY, os.X_OK), f"{BINARY} is not built"
        self.port = free_port()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("QDRANT__")}
        environment.update(
            QDRANT__SERVICE__HOST="127.0.0.1",
            QDRANT__SERVICE__HTTP_PORT=str(self.port),
            QDRANT__STORAGE__STORAGE_PATH=str(self.storage),
            QDRANT__STORAGE__SNAPSHOTS_PATH=str(self.snapshots),
        )
        environment.update(self.environment)
        arguments = [*self.wrapper, str(BINARY), "serve", *self.arguments]
        if self.config is not None:
            path = self.folder / "config.yaml"
            path.write_text(self.config)
            arguments += ["--config-path", str(path)]
        with open(self.log, "ab") as log:
            output = self.output or log
            self.process = subprocess.Popen(
                arguments, env=environment, cwd=self.folder, stdout=output, stderr=output, preexec_fn=self.limit
            )
        self.rest = Rest(self.port)

    def limit(self):
        for kind, most in self.limits.items():
            resource.setrlimit(kind, (most, most))

    def start(self):
        for attempt in range(3):
            self.launch()
            deadline = time.monotonic() + START_SECONDS
            while True:
                if self.process.poll() is not None:
                    if attempt < 2 and "ddress already in use" in self.log_text():
                        break
                    raise ServerDied(f"the server ended with {self.process.returncode}:\n{self.log_text()}")
                try:
                    if Rest(self.port, self.auth, timeout=5).get("/readyz").status == 200:
                        return self
                except (OSError, http.client.HTTPException):
                    pass
                if time.monotonic() > deadline:
                    self.kill()
                    raise ServerDied(f"the server is not ready after {START_SECONDS} s:\n{self.log_text()}")
                time.sleep(0.02)
        raise ServerDied("no free port was found")

    @property
    def auth(self):
        key = self.environment.get("QDRANT__SERVICE__API_KEY")
        return {"api-key": key} if key else {}

    def log_text(self):
        return self.log.read_text(errors="replace")[-6000:] if self.log.exists() else ""

    def assert_alive(self):
        assert self.process.poll() is None, f"the server died with {self.process.returncode}:\n{self.log_text()}"

    def kill(self):
        """kill -9, and wait until it is gone."""
        if self.rest:
            self.rest.close()
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        """SIGTERM; answers the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_SECONDS)
        self.rest.close()
        return code

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_until_green(rest, collection, seconds=600):
    """Waits until the background work is done; answers the collection's info."""
    deadline = time.monotonic() + seconds
    while True:
        info = rest.get(f"/collections/{quote(collection)}").result
        assert info["status"] in ("green", "yellow"), info["status"]
        if info["status"] == "green":
            return info
        assert time.monotonic() < deadline, f"still {info['status']} after {seconds} s: {info}"
        time.sleep(0.1)


def wait_until_checked(rest, collection, seconds=600):
    """Waits until linked points have been looked for as well: until then searches scan where they would walk."""
    wait_until_green(rest, collection, seconds)
    deadline = time.monotonic() + seconds
    while True:
        vectors = rest.get(f"/collections/{quote(collection)}/recall").result["vectors"].values()
        reached = [v["reachability"] for v in vectors if not v["scanned"]]
        # What is told of unreachable points may be of a time when there were fewer.
        if all(r["unreachable"] is not None and r["checked"] == r["linked"] for r in reached):
            return
        assert time.monotonic() < deadline, f"not looked through after {seconds} s: {vectors}"
        time.sleep(0.1)
