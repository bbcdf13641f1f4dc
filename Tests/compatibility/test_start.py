"""How the server is started: where its folders lie."""

import signal
import subprocess
import time

import pytest

from harness import BINARY, free_port


@pytest.mark.parametrize("path", ["s", "é", "s/", "./s", "a/b/c", "a//b/", "../s"])
def test_folders_by_relative_paths(tmp_path, path):
    folder = tmp_path / "here"
    folder.mkdir()
    log = folder / "log"
    arguments = ["serve", "--storage-path", path, "--snapshots-path", path.rstrip("/") + "n", "--port", str(free_port())]
    with open(log, "wb") as output:
        server = subprocess.Popen([BINARY, *arguments], cwd=folder, stdout=output, stderr=output)
    try:
        limit = time.monotonic() + 60
        while "is ready" not in log.read_text():
            assert server.poll() is None and time.monotonic() < limit, log.read_text()[:2000]
            time.sleep(0.02)
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0, log.read_text()[:2000]
    finally:
        server.kill()
        server.wait()
    verified = subprocess.run(
        [BINARY, "verify", "--storage-path", path], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert verified.returncode == 0, verified
