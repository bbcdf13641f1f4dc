"""Tokens of another implementation against the real server, the guide's section on access, and lines of the log."""

import base64
import hashlib
import hmac
import json
import os
import re
import socket
import subprocess
import sys
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import UnexpectedResponse

from harness import CHECKOUT, Rest, Server

SECRET = "a secret of the tests, of more than 32 bytes"
TRENDS = "/api/v1/trends"


def pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


@pytest.fixture(scope="module")
def keys():
    return {"RS256": rsa.generate_private_key(65537, 2048), "ES256": ec.generate_private_key(ec.SECP256R1())}


@pytest.fixture(scope="module")
def closed(keys, tmp_path_factory):
    """A server that takes tokens of each algorithm, and a key."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "rsa.pem").write_text(pem(keys["RS256"]))
    (folder / "ec.pem").write_text(pem(keys["ES256"]))
    config = (
        "service:\n  jwt:\n    audience: trendex\n    public_keys:\n"
        f"      by-rsa: {folder}/rsa.pem\n      by-ec: {folder}/ec.pem\n"
    )
    environment = {"QDRANT__SERVICE__JWT__SECRET": SECRET, "QDRANT__SERVICE__API_KEY": "the-key"}
    with Server(environment, config=config) as server:
        yield server
        server.assert_alive()


def claims(role="admin", **changes):
    return {"sub": "issuer's user", "role": role, "exp": int(time.time()) + 600, "aud": "trendex", **changes}


def status(server, token, path="/collections"):
    return Rest(server.port, {"authorization": f"Bearer {token}"}).get(path).status


def test_tokens_of_another_implementation(closed, keys):
    header = {"RS256": "by-rsa", "ES256": "by-ec"}
    for algorithm in ("HS256", "RS256", "ES256"):
        key = keys.get(algorithm, SECRET)
        kid = {"kid": header[algorithm]} if algorithm in header else None
        for role, allowed in [("reader", 403), ("agent", 201), ("writer", 201), ("admin", 201)]:
            token = jwt.encode(claims(role), key, algorithm, headers=kid)
            assert status(closed, token) == 200
            rest = Rest(closed.port, {"authorization": f"Bearer {token}"})
            assert rest.post(TRENDS, {"title": algorithm, "source": "vk", "deduplicate": False}).status == allowed
        late = jwt.encode(claims(exp=int(time.time()) - 60), key, algorithm, headers=kid)
        assert status(closed, late) == 401
        assert status(closed, jwt.encode(claims(aud="other"), key, algorithm, headers=kid)) == 401


def test_misuse(closed, keys):
    other = {"RS256": rsa.generate_private_key(65537, 2048), "ES256": ec.generate_private_key(ec.SECP256R1())}
    for algorithm, kid in [("RS256", "by-rsa"), ("ES256", "by-ec")]:
        assert status(closed, jwt.encode(claims(), other[algorithm], algorithm, headers={"kid": kid})) == 401
        wrong = "by-ec" if kid == "by-rsa" else "by-rsa"
        assert status(closed, jwt.encode(claims(), keys[algorithm], algorithm, headers={"kid": wrong})) == 401
        # PyJWT itself refuses to sign with a key's PEM, so sign by hand.
        unsigned = jwt.encode(claims(), "", "none", headers={"kid": kid})
        assert status(closed, unsigned) == 401
        swapped = jwt.api_jws.PyJWS(algorithms=["HS256"])
        head = swapped.encode(json.dumps(claims()).encode(), "x" * 32, "HS256", headers={"kid": kid}).rsplit(".", 1)[0]
        mac = hmac.digest(pem(keys[algorithm]).encode(), head.encode(), hashlib.sha256)
        assert status(closed, head + "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()) == 401
    assert status(closed, jwt.encode(claims(), ed25519.Ed25519PrivateKey.generate(), "EdDSA")) == 401
    assert status(closed, jwt.encode(claims(), SECRET * 2, "HS512")) == 401
    assert status(closed, jwt.encode(claims(), "the-key" * 8, "HS256")) == 401
    assert status(closed, jwt.encode(claims(access="rw"), SECRET, "HS256")) == 403
    assert status(closed, "x" * 8000) == 401
    assert status(closed, "the-key") == 200


def test_the_client_sends_a_token_as_its_key(closed):
    token = jwt.encode(claims("reader"), SECRET, "HS256")
    client = QdrantClient(closed.url, api_key=token)
    assert client.get_collections() is not None
    with pytest.raises(UnexpectedResponse) as refused:
        client.delete_collection("none")
    assert refused.value.status_code == 403 and b"needs the role admin" in refused.value.content


def test_the_guides_section_on_access(keys, tmp_path):
    guide = (CHECKOUT / "docs" / "TREND_API.md").read_text()
    section = re.search(r"^## Who may do what\n(.*?)(?=^## |\Z)", guide, re.DOTALL | re.MULTILINE)[1]
    blocks = re.findall(r"```(\w+)[^\n]*\n(.*?)```", section, re.DOTALL)
    assert [language for language, _ in blocks] == ["yaml", "python", "sh", "yaml"]
    (tmp_path / "key.pem").write_text(pem(keys["ES256"]))
    config = "".join(code for language, code in blocks if language == "yaml")
    config, replaced = re.subn(r"/etc/trendex/\S+\.pem", str(tmp_path / "key.pem"), config)
    assert replaced == 2
    # Everything that the guide configures is known.
    with Server({"QDRANT__LOG_LEVEL": "WARN"}, config=config) as server:
        assert "Unknown" not in server.log_text() and "no effect" not in server.log_text(), server.log_text()
        assert server.rest.get("/collections").status == 401
    secret = {"QDRANT__SERVICE__JWT__SECRET": SECRET}
    with Server(secret) as server:
        token = jwt.encode({"sub": "me", "role": "reader", "exp": int(time.time()) + 60}, SECRET, "HS256")
        environment = {**os.environ, **secret, "TRENDEX_TOKEN": token}
        for language, code in blocks:
            code = code.replace("localhost:6333", f"127.0.0.1:{server.port}").replace("curl ", "curl -sS --fail ")
            if language == "yaml":
                continue
            program = ["bash", "-ec", code] if language == "sh" else [sys.executable, "-c", code]
            done = subprocess.run(program, capture_output=True, text=True, timeout=60, env=environment)
            assert done.returncode == 0, (code, done)
            if language == "sh":
                assert done.stdout.count('{"success":true,') == code.count("curl "), done
            else:
                assert done.stdout == "Balcony solar\n", done


def test_limits():
    environment = {"QDRANT__SERVICE__JWT__SECRET": SECRET, "QDRANT__RATE_LIMITS__JWT__PER_MINUTE": "5"}
    token = jwt.encode(claims("reader"), SECRET, "HS256")
    with Server(environment) as server:
        answers = [Rest(server.port, {"authorization": f"Bearer {token}"}).get(TRENDS) for _ in range(8)]
        # One more may come while they are sent.
        assert [answer.status for answer in answers[:5]] == [200] * 5
        refused = [answer for answer in answers if answer.status == 429]
        assert len(refused) >= 2
        for answer in refused:
            assert answer.json["error"]["code"] == "RATE_LIMITED" and 1 <= int(answer.headers["retry-after"]) <= 12


def test_json_lines_of_the_log():
    hostile = '/collections/"}\\n{"level":"ERROR"}%0a%00\u00e9'
    with Server({"QDRANT__LOGGER__FORMAT": "json", "QDRANT__LOG_LEVEL": "DEBUG"}) as server:
        title = 'A "trend"\n{"level": "ERROR"}'
        trend = {"title": title, "source": "telegram", "engagement_score": 41.5}
        created = server.rest.post(TRENDS, trend, headers={"x-request-id": "ingest-1"}).json["data"]["id"]
        raw = f"GET {hostile} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin-1")
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(raw)
            while connection.recv(65536):
                pass
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert len(lines) > 3
    for line in lines:
        assert list(line)[:4] == ["timestamp", "level", "message", "target"]
        assert line["level"] in ("DEBUG", "INFO", "NOTICE", "WARNING"), line
    found = [line for line in lines if line.get("event") == "trend_discovered"]
    assert [(line["trend_id"], line["source"], line["engagement"]) for line in found] == [(created, "telegram", 41.5)]
    assert found[0]["request_id"] == "ingest-1"
    requests = [line for line in lines if line["message"] == "request" and line["path"] == TRENDS]
    assert [(line["status"], line["request_id"]) for line in requests] == [(201, "ingest-1")]
    assert isinstance(requests[0]["seconds"], float)
