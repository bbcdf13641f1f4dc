"""`trendex verify` over a stopped server's storage."""

import random
import re
import shutil
import sqlite3
import subprocess

import pytest

from harness import BINARY, Server, wait_until_green


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    """A storage with an index file, stopped in order."""
    rng = random.Random(7)
    with Server() as server:
        server.rest.put("/collections/c", {"vectors": {"size": 16, "distance": "Dot"}}).result
        for first in range(0, 4000, 500):
            points = [
                {"id": i, "vector": [rng.gauss(0, 1) for _ in range(16)], "payload": {"n": i}}
                for i in range(first, first + 500)
            ]
            server.rest.put("/collections/c/points?wait=true", {"points": points}).result
        wait_until_green(server.rest, "c")
        assert server.stop() == 0, server.log_text()
        folder = tmp_path_factory.mktemp("verify") / "storage"
        shutil.copytree(server.storage, folder)
    return folder


def verify(folder, *before):
    return subprocess.run(
        [*before, BINARY, "verify", "--storage-path", folder], capture_output=True, text=True, timeout=120
    )


def test_damaged_indexes_are_named(storage, tmp_path):
    copy = tmp_path / "storage"
    shutil.copytree(storage, copy)
    well = verify(copy)
    assert well.returncode == 0 and "rebuilt" not in well.stdout, well
    (index,) = copy.glob("derived/*/*/*.index")
    content = bytearray(index.read_bytes())
    content[len(content) // 2] ^= 1
    for damage in (bytes(content), bytes(content[:1000]), b""):
        index.write_bytes(damage)
        named = verify(copy)
        # Derived, so no damage to the data.
        assert named.returncode == 0 and str(index) in named.stdout and "rebuilt by the next start" in named.stdout, named


def test_what_searches_find_is_told(storage, tmp_path):
    copy = tmp_path / "storage"
    shutil.copytree(storage, copy)
    (index,) = copy.glob("derived/*/*/*.index")
    (line,) = re.findall(r"c: (.*): (\d+) of (\d+) linked points are found by their own vectors", verify(copy).stdout)
    assert line[0] == str(index) and line[2] == "4000" and 3900 < int(line[1]) <= 4000
    index.unlink()
    missing = verify(copy)
    assert missing.returncode == 0 and f"there is no {index}; the next start builds it" in missing.stdout, missing
    assert "linked points" not in missing.stdout


def test_nothing_is_changed(storage, tmp_path):
    copy = tmp_path / "storage"
    shutil.copytree(storage, copy)
    files = lambda: {p: p.read_bytes() for p in copy.rglob("*") if p.is_file() and p.suffix not in (".sqlite3-shm",)}
    before = files()
    assert verify(copy).returncode == 0
    after = {p: b for p, b in files().items() if b or p in before}
    assert after == before


def test_a_read_only_mount(storage):
    mount = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    script = f'mount --bind "{storage}" "{storage}" && mount -o remount,bind,ro "{storage}" && exec "$@"'
    if subprocess.run([*mount, script, "_", "true"], capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    (storage / ".lock").unlink(missing_ok=True)
    answer = verify(storage, *mount, script, "_")
    assert answer.returncode == 0 and "4000 points, 0 damaged" in answer.stdout, answer


def test_rows_and_points_that_differ(tmp_path):
    """A program without the trend store has deleted a point; `trendex repair` mends it, and verify says so."""
    with Server() as server:
        trends = [
            {"title": f"T{i}", "source": "vk", "embedding": [1.0 if j == i else 0.0 for j in range(768)]} for i in range(5)
        ]
        made = server.rest.post("/api/v1/trends/batch", {"trends": trends})
        assert made.status == 201, made.body
        assert server.stop() == 0, server.log_text()
        well = verify(server.storage)
        assert well.returncode == 0 and "trends: 5 rows and 5 points, 0 differences" in well.stdout, well
        with sqlite3.connect(server.storage / "trendex.sqlite3") as database:
            (table,) = database.execute(
                "SELECT 'points_' || id || '_' || generation FROM collections WHERE name = 'trends'").fetchone()
            database.execute(f"DELETE FROM {table} WHERE slot = 2")
        database.close()
        parted = verify(server.storage)
        assert parted.returncode == 1, parted
        assert "trends: 5 rows and 4 points, 1 differences" in parted.stdout, parted
        assert "1 rows count as embedded and have no point" in parted.stdout, parted
        assert f"trendex repair --storage-path {server.storage}" in parted.stderr, parted
        repaired = subprocess.run(
            [BINARY, "repair", "--storage-path", server.storage], capture_output=True, text=True, timeout=120)
        assert repaired.returncode == 0 and "1 rows marked" in repaired.stdout, repaired
        mended = verify(server.storage)
        assert mended.returncode == 0 and "trends: 5 rows and 4 points, 0 differences" in mended.stdout, mended
