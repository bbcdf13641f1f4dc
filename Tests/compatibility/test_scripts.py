"""The programs that people run beside the server: the demo, and the script that tries every route."""

import os
import subprocess
import sys

import pytest
from harness import BINARY, CHECKOUT, Server


@pytest.mark.parametrize("model", ["none", "lexical"])
def test_every_route_answers_as_it_should(model):
    with Server({"TRENDEX__EMBEDDER__MODEL": model}) as server:
        script = [sys.executable, CHECKOUT / "scripts" / "try_trend_api.py", "--url", server.url]
        done = subprocess.run(script, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        assert " 0 wrong" in done.stdout
        server.assert_alive()


@pytest.mark.skipif(BINARY != CHECKOUT / ".build" / "release" / "trendex", reason="the demo takes the built server")
def test_the_demo():
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, CHECKOUT / "demo" / "demo.py"], capture_output=True, text=True, timeout=600, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("320 trends stored", "it is the trend", "Approved:", "business.created", "Restored: 320 trends"):
        assert words in done.stdout, done.stdout
