"""A server that is killed at any moment of an upload has every acknowledged write when it starts again.

TRENDEX_CRASH_ROUNDS asks for more kills, TRENDEX_SEED replays a run's choices (though not the threads' timing).
"""

import os
import random
import shutil
import subprocess
import time

import pytest

import uploads
from harness import BINARY, Server

ROUNDS = int(os.environ.get("TRENDEX_CRASH_ROUNDS", 8))


def upload_for(server, rng, known, seconds, end):
    """Runs writers for a while, ends the server by `end`, and answers how many requests were acknowledged."""
    writers = uploads.start_writers(server, rng, known, graceful=end == "stop")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and all(w.is_alive() for w in writers):
        time.sleep(0.005)
    server.assert_alive()
    if end == "kill":
        server.kill()
        code = 0
    else:
        code = server.stop()
    for writer in writers:
        writer.join(90)
        assert not writer.is_alive()
    problems = [w.problem for w in writers if w.problem]
    assert not problems, f"{problems[0]!r}\n{server.log_text()}"
    assert code == 0, server.log_text()
    return sum(w.acknowledged for w in writers)


def test_kills_during_uploads(seed):
    rng, known = random.Random(seed), [{} for _ in range(uploads.WRITERS)]
    acknowledged = 0
    with Server() as server:
        uploads.create(server.rest)
        for round in range(ROUNDS):
            acknowledged += upload_for(server, rng, known, rng.uniform(0.02, 1.5), "kill")
            server.start()
            uploads.check(server.rest, known, rng)
        assert acknowledged > 0, "nothing was acknowledged in any round"
        uploads.check_exact_search(server.rest, known, rng)
        uploads.check_after_indexing(server.rest, known, rng)
        print(f"{ROUNDS} kills, {acknowledged} acknowledged requests")


def test_kills_while_starting(seed):
    """Recovery itself may be killed, again and again."""
    rng, known = random.Random(seed), [{} for _ in range(uploads.WRITERS)]
    with Server() as server:
        uploads.create(server.rest)
        assert upload_for(server, rng, known, 1.0, "kill") > 0
        for _ in range(ROUNDS):
            server.launch()
            time.sleep(rng.uniform(0, 0.25))
            server.kill()
        server.start()
        uploads.check(server.rest, known, rng)


def test_graceful_stop_during_an_upload(seed):
    rng, known = random.Random(seed), [{} for _ in range(uploads.WRITERS)]
    with Server() as server:
        uploads.create(server.rest)
        for _ in range(2):
            assert upload_for(server, rng, known, rng.uniform(0.3, 1.0), "stop") > 0
            server.start()
            uploads.check(server.rest, known, rng)


@pytest.mark.parametrize("damage", ["deleted", "truncated", "flipped", "garbage", "folder deleted"])
def test_derived_files_are_rebuilt(seed, damage):
    """Everything below `derived` may be lost or damaged: the answers are the same, and it is said in the log."""
    rng, known = random.Random(seed), [{} for _ in range(uploads.WRITERS)]
    with Server() as server:
        uploads.create(server.rest)
        upload_for(server, rng, known, 0.8, "stop")
        server.start()
        uploads.check_after_indexing(server.rest, known, rng)
        assert server.stop() == 0
        derived = server.storage / "derived"
        files = [f for f in derived.rglob("*") if f.is_file()]
        assert files, "a graceful stop leaves derived files"
        if damage == "folder deleted":
            shutil.rmtree(derived)
        for file in [] if damage == "folder deleted" else files:
            data = bytearray(file.read_bytes())
            if damage == "deleted":
                file.unlink()
            elif damage == "truncated":
                file.write_bytes(data[: rng.randrange(len(data))] if data else b"")
            elif damage == "flipped" and data:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                file.write_bytes(data)
            elif damage == "garbage":
                file.write_bytes(rng.randbytes(len(data) + 100))
        server.start()
        uploads.check(server.rest, known, rng)
        uploads.check_exact_search(server.rest, known, rng)
        uploads.check_after_indexing(server.rest, known, rng)


def verify(server):
    return subprocess.run(
        [BINARY, "verify", "--storage-path", server.storage], capture_output=True, text=True, timeout=120,
        env={k: v for k, v in os.environ.items() if not k.startswith("QDRANT__")}, cwd=server.folder,
    )


def test_verify_finds_a_changed_vector(seed):
    """`trendex verify` is content after a kill, and names a vector file in which a committed bit was turned."""
    rng, known = random.Random(seed), [{} for _ in range(uploads.WRITERS)]
    with Server() as server:
        uploads.create(server.rest)
        upload_for(server, rng, known, 0.5, "kill")
        good = verify(server)
        assert good.returncode == 0, good.stdout + good.stderr
        vectors = [f for f in (server.storage / "vectors").rglob("*") if f.is_file() and f.stat().st_size]
        assert vectors
        with open(vectors[0], "r+b") as f:
            # One byte of each of the first rows: some of those have been rewritten since and are of nobody.
            for row in range(50):
                f.seek(uploads.DIMENSIONS * 4 * row + 5)
                byte = f.read(1)[0]
                f.seek(-1, os.SEEK_CUR)
                f.write(bytes([byte ^ 0x10]))
        bad = verify(server)
        assert bad.returncode != 0 and "Fatal error" not in bad.stderr, bad.stdout + bad.stderr


def test_dropped_collections_stay_dropped(seed):
    """A collection whose deletion was acknowledged is gone after a kill, its files too; so is one made anew empty."""
    rng = random.Random(seed)
    with Server() as server:
        for turn in range(3):
            known = [{} for _ in range(uploads.WRITERS)]
            uploads.create(server.rest)
            upload_for(server, rng, known, 0.2, "stop")
            server.start()
            uploads.check(server.rest, known, rng)
            assert server.rest.delete(uploads.COLLECTION).result is True
            if turn == 1:
                uploads.create(server.rest)
            server.kill()
            server.start()
            if turn == 1:
                assert uploads.read_all(server.rest) == {}
                server.rest.delete(uploads.COLLECTION).result
            assert server.rest.get(f"{uploads.COLLECTION}/exists").result == {"exists": False}
        leftover = [f for f in (server.storage / "vectors").rglob("*") if f.is_file() and f.stat().st_blocks]
        assert not leftover, leftover
