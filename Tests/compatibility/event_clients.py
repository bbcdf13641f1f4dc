"""Clients of the event streams: a WebSocket by the package `websockets`, server-sent events by plain HTTP."""

import http.client
import json
import threading

import websockets.sync.client
from websockets.exceptions import ConnectionClosed, InvalidHandshake


def server_sent_events(port, path="/api/v1/events", last_id=None, timeout=60):
    """Yields each event as its fields until the connection ends; one with an id alone as well. Comments are passed over."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        headers = {} if last_id is None else {"last-event-id": str(last_id)}
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        assert response.status == 200, (response.status, response.read())
        assert response.getheader("content-type") == "text/event-stream"
        fields = {}
        while line := response.readline():
            line = line.decode().rstrip("\n")
            if line.startswith(":"):
                continue
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                yield fields
                fields = {}
    finally:
        connection.close()


class Follower(threading.Thread):
    """Follows all events from the oldest on, and resumes after each loss of the connection behind the last one that it saw."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.ended = threading.Event()
        self.events = []
        self.connections = 0
        self.problem = None

    @property
    def last(self):
        return self.events[-1]["sequence"] if self.events else 0

    def run(self):
        while not self.ended.is_set():
            try:
                self.follow(self.server.port)
            except (OSError, http.client.HTTPException, InvalidHandshake, ConnectionClosed, TimeoutError):
                # The server was killed, or isn't there yet.
                self.ended.wait(0.02)
            except BaseException as error:
                self.problem = error
                return

    def wait_for(self, sequence, seconds=60):
        for _ in range(int(seconds * 50)):
            assert self.problem is None, self.problem
            if self.last >= sequence:
                return
            self.ended.wait(0.02)
        raise AssertionError(f"{self.last} of {sequence} after {seconds} s, {self.connections} connections")

    def stop(self):
        self.ended.set()
        self.join(60)
        assert not self.is_alive()
        assert self.problem is None, self.problem


class WebSocketFollower(Follower):
    def follow(self, port):
        with websockets.sync.client.connect(f"ws://127.0.0.1:{port}/ws?after={self.last}", open_timeout=5) as socket:
            self.connections += 1
            hello = json.loads(socket.recv(timeout=5))
            assert hello == {"type": "hello", "sequence": self.last}, hello
            while not self.ended.is_set():
                try:
                    message = json.loads(socket.recv(timeout=0.1))
                except TimeoutError:
                    continue
                if message["type"] != "position":
                    self.events.append(message)


class ServerSentFollower(Follower):
    def follow(self, port):
        path, last_id = ("/api/v1/events", self.last) if self.events else ("/api/v1/events?after=0", None)
        for fields in server_sent_events(port, path, last_id, timeout=0.5):
            if "retry" in fields:
                self.connections += 1
            if "data" not in fields:
                continue
            event = json.loads(fields["data"])
            assert fields["id"] == str(event["sequence"]) and fields["event"] == event["type"]
            self.events.append(event)
            if self.ended.is_set():
                return
