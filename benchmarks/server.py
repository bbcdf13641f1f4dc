"""A server of its own for a measurement, and connections to it that cost little."""

import http.client
import os
import signal
import socket
import subprocess
import time

import orjson

HEADERS = {"content-type": "application/json"}


def encode(value):
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


class Connection:
    def __init__(self, port):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        self.http.connect()
        self.http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, method, path, body=None):
        self.http.request(method, path, None if body is None else body, HEADERS)
        answer = self.http.getresponse()
        data = answer.read()
        assert answer.status == 200, data[:300]
        return data


class Server:
    """A process on a free port over a folder; `seconds` is what it took to its first answer."""

    def __init__(self, binary, folder, **settings):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {
            "QDRANT__SERVICE__HOST": "127.0.0.1", "QDRANT__SERVICE__HTTP_PORT": str(self.port),
            "QDRANT__STORAGE__STORAGE_PATH": f"{folder}/storage", "QDRANT__STORAGE__SNAPSHOTS_PATH": f"{folder}/snapshots",
            "QDRANT__LOG_LEVEL": "ERROR",
        }  # fmt: skip
        begun = time.perf_counter()
        self.process = subprocess.Popen(
            [binary, "serve"], env={**os.environ, **environment, **settings}, stdout=subprocess.DEVNULL
        )
        while True:
            try:
                self.connection = Connection(self.port)
                break
            except OSError:
                assert self.process.poll() is None, "the server has ended"
                time.sleep(0.005)
        self.connection.call("GET", "/readyz")
        self.seconds = time.perf_counter() - begun

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop(signal.SIGKILL)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait()

    def memory(self):
        """Bytes of anonymous and of file-backed memory that are resident."""
        with open(f"/proc/{self.process.pid}/status") as status:
            told = dict(line.split(":", 1) for line in status)
        return tuple(int(told[key].split()[0]) << 10 for key in ("RssAnon", "RssFile"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))
