"""The streams of events with real clients: what they tell, resuming after kills, clients that take nothing."""

import base64
import json
import os
import random
import re
import socket
import threading
import time
import uuid

import pytest
import websockets.sync.client
from websockets.exceptions import ConnectionClosed, InvalidStatus

from event_clients import ServerSentFollower, WebSocketFollower, server_sent_events
from harness import Rest, Server

TRENDS = "/api/v1/trends"
EVENTS = "/api/v1/events"
KILLS = int(os.environ.get("TRENDEX_CRASH_ROUNDS") or 5)


def data(answer, status=200):
    assert answer.status == status, answer.body[:600]
    assert answer.json["success"] is True, answer.body[:600]
    return answer.json["data"]


def connect(server, path="/ws", **more):
    return websockets.sync.client.connect(f"ws://127.0.0.1:{server.port}{path}", open_timeout=10, **more)


def receive(socket, timeout=30):
    return json.loads(socket.recv(timeout=timeout))


def metric(rest, name):
    text = rest.get("/metrics").body.decode()
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE).group(1))


def wait_for_metric(rest, name, value, seconds=60):
    deadline = time.monotonic() + seconds
    while metric(rest, name) != value:
        assert time.monotonic() < deadline, (name, metric(rest, name))
        time.sleep(0.1)


def test_a_websocket_client():
    with Server() as server:
        with connect(server) as events:
            assert receive(events) == {"type": "hello", "sequence": 0}
            trend = data(server.rest.post(TRENDS, {"title": "Balcony solar", "source": "vk"}), 201)
            created = receive(events)
            assert (created["type"], created["subject"]) == ("trend.created", trend["id"])
            # A ping of the protocol, and fragments.
            assert events.ping("are you there?").wait(10)
            events.send(['{"subscribe": {"types": ', '["trend.deleted"]}}'])
            assert receive(events) == {
                "type": "subscribed", "sequence": 1, "types": ["trend.deleted"], "subjects": []
            }
            data(server.rest.patch(f"{TRENDS}/{trend['id']}", {"title": "Other"}))
            data(server.rest.delete(f"{TRENDS}/{trend['id']}"))
            assert receive(events)["type"] == "trend.deleted"
            events.send(b"binary")
            with pytest.raises(ConnectionClosed) as closed:
                events.recv(timeout=10)
            assert closed.value.rcvd.code == 1003
        with connect(server, "/ws?after=9") as events:
            assert receive(events)["error"]["code"] == "GONE"
            with pytest.raises(ConnectionClosed) as closed:
                events.recv(timeout=10)
            assert closed.value.rcvd.code == 4410


def test_server_sent_events_by_plain_http():
    with Server() as server:
        stream = server_sent_events(server.port)
        assert next(stream) == {"retry": "2000", "id": "0"}
        for number in range(3):
            data(server.rest.post(TRENDS, {"title": f"Тренд {number}\n", "source": "vk"}), 201)
        for number in range(3):
            event = next(stream)
            assert (event["id"], event["event"]) == (str(number + 1), "trend.created")
            assert json.loads(event["data"])["data"]["title"] == f"Тренд {number}\n"
        assert server.stop() == 0
        assert list(stream) == []


def test_a_browsers_key():
    with Server({"QDRANT__SERVICE__API_KEY": "s3cret/+"}) as server:
        with pytest.raises(InvalidStatus) as refused:
            connect(server)
        assert refused.value.response.status_code == 401
        key = base64.urlsafe_b64encode(b"s3cret/+").decode().rstrip("=")
        with connect(server, subprotocols=["trendex.events", f"trendex.key.{key}"]) as events:
            assert events.subprotocol == "trendex.events"
            assert receive(events)["type"] == "hello"
        with connect(server, additional_headers={"api-key": "s3cret/+"}) as events:
            assert receive(events)["type"] == "hello"


def test_a_client_far_behind_reads_from_the_database():
    """More events than are kept in memory, and a filter that admits few of them."""
    with Server() as server:
        for number in range(12):
            batch = [{"title": f"{number}.{n}", "source": "vk"} for n in range(500)]
            data(server.rest.post(TRENDS + "/batch", {"trends": batch}), 201)
        trend = data(server.rest.get(f"{TRENDS}?limit=1"))["items"][0]
        data(server.rest.patch(f"{TRENDS}/{trend['id']}", {"title": "Other"}))
        with connect(server, "/ws?after=0") as events:
            assert receive(events) == {"type": "hello", "sequence": 0}
            for sequence in range(1, 6002):
                assert receive(events)["sequence"] == sequence
        with connect(server, "/ws?after=0&types=trend.updated") as events:
            assert receive(events) == {"type": "hello", "sequence": 0}
            assert receive(events)["sequence"] == 6001
        # After a restart nothing is in memory.
        assert server.stop() == 0
        server.start()
        stream = server_sent_events(server.port, EVENTS + "?after=5000")
        assert next(stream)["id"] == "5000"
        for sequence in range(5001, 6002):
            assert next(stream)["id"] == str(sequence)
        page = data(server.rest.get(f"{EVENTS}?follow=false&after=5990&limit=5"))
        assert [event["sequence"] for event in page["items"]] == [5991, 5992, 5993, 5994, 5995]
        assert (page["total"], page["has_more"], page["next"]) == (11, True, 5995)


def test_no_event_is_lost_or_repeated_over_kills(seed):
    """Batches are ingested while the server is killed; clients resume behind the last event that they saw."""
    rng = random.Random(seed)
    acked = set()
    with Server() as server:
        followers = [WebSocketFollower(server), ServerSentFollower(server)]
        for follower in followers:
            follower.start()
        try:
            for _ in range(KILLS):
                ended = threading.Event()

                def write():
                    rest = Rest(server.port)
                    while not ended.is_set():
                        trends = [
                            {"id": str(uuid.UUID(int=rng.getrandbits(128))), "title": "T", "source": "vk", "deduplicate": False}
                            for _ in range(rng.randrange(1, 30))
                        ]
                        try:
                            answer = rest.post(TRENDS + "/batch", {"trends": trends})
                        except Exception:
                            if ended.is_set():
                                return
                            raise
                        data(answer, 201)
                        acked.update(trend["id"] for trend in trends)

                writers = [threading.Thread(target=write) for _ in range(2)]
                for writer in writers:
                    writer.start()
                time.sleep(rng.uniform(0.3, 1.0))
                ended.set()
                server.kill()
                for writer in writers:
                    writer.join(60)
                    assert not writer.is_alive()
                server.start()
            # One more, so that there is an end to wait for.
            last = data(server.rest.post(TRENDS, {"title": "The last", "source": "vk"}), 201)["id"]
            acked.add(last)
            page = data(server.rest.get(f"{EVENTS}?follow=false&limit=1"))
            end = data(server.rest.get(f"{EVENTS}?follow=false&subjects={last}"))["items"][0]["sequence"]
            for follower in followers:
                follower.wait_for(end)
        finally:
            for follower in followers:
                follower.stop()
        stored, after = set(), None
        while True:
            part = data(server.rest.get(f"{TRENDS}?limit=1000" + (f"&after={after}" if after else "")))
            stored.update(trend["id"] for trend in part["items"])
            after = part["next"]
            if after is None:
                break
        assert acked <= stored and len(acked) > KILLS
        for follower in followers:
            assert follower.connections > KILLS
            sequences = [event["sequence"] for event in follower.events]
            assert sequences == sorted(set(sequences))
            assert len(sequences) == page["total"]
            created = [event["subject"] for event in follower.events if event["type"] == "trend.created"]
            assert len(created) == len(set(created))
            assert set(created) == stored


def resident(server):
    """Anonymous memory, in bytes."""
    with open(f"/proc/{server.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon:")) << 10


def test_memory_does_not_grow_with_clients_that_take_nothing():
    """Each would have to queue 12 MB, less what the sockets take. One that reads gets everything meanwhile."""
    clients, batches, size = 40, 20, 500
    with Server() as server:

        def ingest():
            for number in range(batches):
                tags = [f"{n}{'x' * 90}" for n in range(10)]
                batch = [{"title": f"{number}.{n}", "source": "vk", "tags": tags, "deduplicate": False} for n in range(size)]
                data(server.rest.post(TRENDS + "/batch", {"trends": batch}), 201)

        # What the log and the database keep in memory is there from then on.
        ingest()
        before = resident(server)
        deaf = []
        for number in range(clients):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", server.port))
            request = f"GET {'/ws' if number % 2 else EVENTS} HTTP/1.1\r\nHost: x\r\n"
            if number % 2:
                request += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                request += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            s.sendall((request + "\r\n").encode())
            deaf.append(s)
        wait_for_metric(server.rest, 'trendex_event_streams{kind="sse"}', clients // 2)
        wait_for_metric(server.rest, 'trendex_event_streams{kind="websocket"}', clients // 2)
        with connect(server) as events:
            first = receive(events)["sequence"]
            highest = before

            def watch():
                nonlocal highest
                while not ended.is_set():
                    highest = max(highest, resident(server))
                    ended.wait(0.05)

            ended = threading.Event()
            watcher = threading.Thread(target=watch)
            writer = threading.Thread(target=ingest)
            watcher.start()
            writer.start()
            for number in range(batches * size):
                assert receive(events, 60)["sequence"] == first + 1 + number
            writer.join()
            wait_for_metric(server.rest, "trendex_event_streams_dropped_total", clients)
            ended.set()
            watcher.join()
            # A WebSocket has a second to take its close frame.
            wait_for_metric(server.rest, 'trendex_event_streams{kind="sse"}', 0)
            wait_for_metric(server.rest, 'trendex_event_streams{kind="websocket"}', 1)
        print(f"{(highest - before) >> 20} MiB more at most")
        # All that is unsent of all clients is less than 8 MiB; unbounded it would be hundreds.
        assert highest - before < 100 << 20
        for s in deaf:
            s.close()
