"""The files in deploy/ fit the program: its metrics, its paths, its configuration keys. scripts/check-deploy.sh checks their syntax."""

import json
import re
import subprocess

import pytest
import yaml

from harness import CHECKOUT, Rest, Server

DEPLOY = CHECKOUT / "deploy"
# Metrics that appear with the first job, request or call of their kind, and those of Prometheus itself.
LATER = {"api_requests_total", "trendex_jobs", "llm_cost_dollars_total", "up"}
# Appears when the background has measured it, which a busy machine puts off.
MEASURED = {"trendex_collection_recall"}
WORDS = {"sum", "by", "rate", "increase", "histogram_quantile", "le", "or", "label_values", "instance", "status", "endpoint", "part"}


def metrics_of(expression):
    expression = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)", " ", expression)
    return {word for word in re.findall(r"\b[a-z_][a-z0-9_]*\b", expression) if word not in WORDS and not re.match(r"e\d", word)}


@pytest.fixture(scope="module")
def told():
    """The names in /metrics of a server that has a collection."""
    with Server() as server:
        rest = server.rest
        rest.put("/collections/c", {"vectors": {"size": 4, "distance": "Dot"}}).result
        rest.put("/collections/c/points?wait=true", {"points": [{"id": 1, "vector": [1, 2, 3, 4]}]}).result
        text = rest.get("/metrics").body.decode()
        for name in MEASURED:
            assert f'"{name}"' in (CHECKOUT / "Sources" / "SearchServer" / "Metrics" / "Metrics.swift").read_text()
        yield {re.split(r"[ {]", line)[0] for line in text.splitlines() if not line.startswith("#")} | MEASURED


def expressions():
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())
    for rule in rules["groups"][0]["rules"]:
        yield rule["alert"], rule["expr"]
    dashboard = json.loads((DEPLOY / "grafana" / "trendex.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


@pytest.mark.parametrize("name, expression", list(expressions()))
def test_expressions_name_metrics_that_exist(told, name, expression):
    found = metrics_of(expression)
    assert found, expression
    assert found - LATER <= told, f"{name}: {sorted(found - LATER - told)} is not in /metrics"


def test_every_alert_has_a_test():
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"][0]["rules"]
    tests = yaml.safe_load((DEPLOY / "prometheus" / "alerts.test.yaml").read_text())["tests"]
    names = {rule["alert"] for rule in rules}
    fires = {t["alertname"] for test in tests for t in test["alert_rule_test"] if t.get("exp_alerts")}
    quiet = {t["alertname"] for test in tests for t in test["alert_rule_test"] if not t.get("exp_alerts")}
    assert fires == names and quiet == names


def manifests():
    return list(yaml.safe_load_all((DEPLOY / "kubernetes" / "trendex.yaml").read_text()))


def container():
    (found,) = [m for m in manifests() if m["kind"] == "StatefulSet"]
    assert found["spec"]["replicas"] == 1
    return found["spec"]["template"]["spec"]["containers"][0]


def image_environment():
    """What the Dockerfile sets."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    (line,) = re.findall(r"^ENV (.*)$", text, re.MULTILINE)
    return dict(pair.split("=", 1) for pair in line.split())


def environments():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["trendex"]["environment"]
    return {
        "Dockerfile": image_environment(),
        "compose.yaml": {key: "" if "API_KEY" in key else value for key, value in compose.items()},
        "trendex.yaml": {entry["name"]: entry.get("value", "") for entry in container()["env"]},
    }


@pytest.mark.parametrize("file", ["Dockerfile", "compose.yaml", "trendex.yaml"])
def test_environments_are_understood(file, tmp_path):
    environment = environments()[file]
    assert environment
    folders = {k: str(tmp_path / k) for k in environment if k.endswith("_PATH")}
    with Server({**environment, **folders}) as server:
        assert server.stop() == 0
        log = server.log_text()
        assert "is ready at" in log and "WARN" not in log.upper(), log


def test_probes_ask_paths_that_answer():
    probed = container()
    paths = {probed[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
    with Server({"QDRANT__SERVICE__API_KEY": "secret"}) as server:
        # Without a key, as a kubelet asks.
        for path in paths:
            assert Rest(server.port).get(path).status == 200, path
    ports = {port["containerPort"] for port in probed["ports"]}
    assert ports == {6333}


def test_folders_are_volumes():
    environment = image_environment()
    folders = {environment["QDRANT__STORAGE__STORAGE_PATH"], environment["QDRANT__STORAGE__SNAPSHOTS_PATH"]}
    mounted = {mount["mountPath"] for mount in container()["volumeMounts"]}
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["trendex"]
    assert folders <= mounted
    assert folders == {volume.split(":")[1] for volume in compose["volumes"]}
    assert set(json.loads(re.search(r"^VOLUME (.*)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)[1])) == folders


def test_the_image_has_the_manifests_user():
    (uid,) = set(re.findall(r"--uid (\d+)", (DEPLOY / "Dockerfile").read_text()))
    (found,) = [m for m in manifests() if m["kind"] == "StatefulSet"]
    assert str(found["spec"]["template"]["spec"]["securityContext"]["runAsUser"]) == uid
    assert f"USER {uid}:{uid}" in (DEPLOY / "Dockerfile").read_text()


def test_the_checks_pass_with_what_is_here():
    done = subprocess.run([CHECKOUT / "scripts" / "check-deploy.sh"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "check-deploy: passed" in done.stdout, done.stdout + done.stderr
    # Python at least is here.
    assert "ok      dashboard" in done.stdout, done.stdout
