"""The official client, of today and of the 1.7 generation, against the server. The steps are in client_view.py."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import client_view
from harness import Server

HERE = Path(__file__).parent
OLD_CLIENT = Path(sys.prefix) / "qdrant-client-1.7"
ROWS = int(os.environ.get("TRENDEX_ROWS", 50_000))


@pytest.fixture(scope="module", params=["current", "1.7"])
def outcomes(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("client-view")
    report = folder / "report.jsonl"
    path = [str(HERE)]
    if request.param == "1.7":
        assert OLD_CLIENT.is_dir(), f"{OLD_CLIENT} is missing; `make test` installs it"
        path.insert(0, str(OLD_CLIENT))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    with Server() as server:
        run = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", HERE / "client_view.py",
             server.url, folder, report, str(ROWS)],
            env=environment, timeout=1200, capture_output=True, text=True,
        )
        log = server.log_text()
        server.assert_alive()
    outcomes = {o["step"]: o for o in map(json.loads, report.read_text().splitlines())} if report.exists() else {}
    yield outcomes, run, log
    for file in folder.iterdir():
        file.unlink()


@pytest.mark.parametrize("step", client_view.STEPS)
def test_step(outcomes, step):
    outcomes, run, log = outcomes
    assert run.returncode == 0, run.stderr[-3000:]
    assert "connect" not in outcomes, outcomes["connect"]["error"]
    outcome = outcomes[step]
    print(json.dumps({k: v for k, v in outcome.items() if k != "error"}))
    assert outcome["ok"], f"{outcome.get('error')}\nserver's log:\n{log[-1500:]}"
