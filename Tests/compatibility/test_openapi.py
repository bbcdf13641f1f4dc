"""The OpenAPI description of the trend API against the server that it describes.

Examples are sent as they stand, with the ids of rows that are there; random requests are drawn from the schemas. Every answer
must be one that is described, and of the schema that is told there; no member of it may be missing in the description.
"""

import base64
import copy
import hashlib
import json
import random
import re
import time
import uuid
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from harness import Rest, Server
from openapi_values import Values

BASE = "/api/v1"
ROUNDS = 150
SCORES = ["market_size", "competition", "demand", "monetization", "feasibility", "time_to_market"]
KEYS = {"QDRANT__SERVICE__API_KEY": "all", "QDRANT__SERVICE__READ_ONLY_API_KEY": "read"}
# Rules between values, which schemas can't tell: a field, and a part of the sentence about it.
BETWEEN_VALUES = [
    ("completed_at", "must not be before started_at"), ("completed_at", "must be there for all but"),
    ("status", "after `"), ("limit", "together in a hybrid search"), ("q", "must have a word"), ("q", "excludes words"),
    ("q", "must have at most"), ("q", "is missing"), ("vector", "`like`"),
]  # fmt: skip


@pytest.fixture(scope="module")
def server():
    with Server(environment={"TRENDEX__EMBEDDER__MODEL": "lexical"}) as server:
        # The first vectors have to be the embedder's, so that others are taken for its own and words can be searched for.
        trend = server.rest.post(f"{BASE}/trends", {"title": "Solar panels", "source": "vk"}).json["data"]["id"]
        idea = {"trend_id": trend, "title": "Solar by subscription", **dict.fromkeys(SCORES, 50)}
        assert server.rest.post(f"{BASE}/ideas", idea).status == 201
        deadline = time.monotonic() + 60
        for rows in ("trends", "ideas"):
            while server.rest.get(f"{BASE}/{rows}/needing-embeddings").json["data"]["total"]:
                assert time.monotonic() < deadline, server.log_text()
                time.sleep(0.05)
        yield server
        server.assert_alive()


@pytest.fixture(scope="module")
def api(server):
    answer = server.rest.get(f"{BASE}/openapi.json")
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    return Description(answer.json)


class Description:
    def __init__(self, document):
        self.document = document
        self.schemas = document["components"]["schemas"]
        # Members that aren't described are what this looks for; clients have to pass over them.
        self.strict = closed(document["components"])
        self.validators = {}

    def routes(self):
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                yield Route(self, method.upper(), path, operation)

    def route(self, name):
        return next(route for route in self.routes() if route.name == name)

    def resolve(self, value):
        while "$ref" in value:
            found = self.document
            for key in value["$ref"][2:].split("/"):
                found = found[key]
            value = found
        return value

    def validator(self, schema, is_answer):
        key = (json.dumps(schema), is_answer)
        if key not in self.validators:
            components = self.strict if is_answer else self.document["components"]
            whole = {**(closed(schema) if is_answer else schema), "components": components}
            Draft202012Validator.check_schema(whole)
            self.validators[key] = Draft202012Validator(whole, format_checker=FormatChecker())
        return self.validators[key]

    def check(self, schema, value, told, is_answer=True):
        for error in self.validator(schema, is_answer).iter_errors(value):
            raise AssertionError(f"{told}: {error.json_path}: {error.message[:300]}")


class Route:
    def __init__(self, api, method, path, operation):
        self.api, self.method, self.path, self.operation = api, method, path, operation
        self.name = operation["operationId"]
        self.parameters = [api.resolve(parameter) for parameter in operation.get("parameters", [])]
        self.is_open = operation.get("security") == []
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        self.body = content and content["schema"]
        self.examples = content and {name: example["value"] for name, example in content["examples"].items()}

    def __repr__(self):
        return f"{self.method} {self.path}"

    def inside(self, place):
        return {parameter["name"]: parameter for parameter in self.parameters if parameter["in"] == place}

    def send(self, rest, path_values=None, query=None, headers=None, body=None):
        path = self.path
        for name, parameter in self.inside("path").items():
            value = (path_values or {}).get(name, parameter["example"])
            path = path.replace("{" + name + "}", quote(str(value), safe=""))
        pairs = [f"{quote(name)}={text(value)}" for name, value in (query or {}).items()]
        if self.name == "readEvents" and "follow" not in (query or {}):
            pairs.append("follow=false")
        whole = BASE + path + ("?" + "&".join(pairs) if pairs else "")
        answer = rest.call(self.method, whole, body, headers=headers)
        return answer

    def check(self, answer, told):
        """The answer is described; returns what it says."""
        described = self.operation["responses"].get(str(answer.status))
        assert described, f"{self} answers {answer.status} to {told}, which isn't described: {answer.body[:400]!r}"
        described = self.api.resolve(described)
        for name in described["headers"]:
            assert name.lower() in answer.headers, f"{self} {answer.status}: no {name}"
        content = described["content"]
        kind = answer.headers["content-type"].split(";")[0]
        assert kind in content, f"{self} {answer.status}: {kind}"
        if kind != "application/json":
            return answer.body
        value = answer.json
        cut = value
        items = isinstance(value.get("data"), dict) and value["data"].get("items")
        if isinstance(items, list) and len(items) > 20:
            cut = {**value, "data": {**value["data"], "items": items[:20]}}
        self.api.check(content[kind]["schema"], cut, f"{self} {answer.status}")
        if not value.get("success", True):
            assert value["error"]["request_id"] == answer.headers["x-request-id"]
        return value


def closed(value):
    """The same schemas, whose objects have no other members."""
    if isinstance(value, list):
        return [closed(element) for element in value]
    if not isinstance(value, dict):
        return value
    value = {key: closed(member) for key, member in value.items()}
    if isinstance(value.get("properties"), dict) and "type" in value:
        value.setdefault("additionalProperties", False)
    return value


def text(value):
    """A parameter's value as addresses write it."""
    if isinstance(value, list):
        return ",".join(text(element) for element in value)
    if isinstance(value, bool):
        return str(value).lower()
    return quote(str(value), safe="")


class World:
    """Rows of a trend, an idea, a business, a held job, a run and a schedule, and the examples' ids of each."""

    def __init__(self, rest, api, rng):
        self.rest = rest
        self.ids = {name: str(uuid.UUID(int=rng.getrandbits(128), version=4)) for name in ("trend", "idea", "business", "execution")}
        self.schedule = f"scan-{rng.getrandbits(48)}"
        scores = api.route("createIdea").examples["short"]
        kind = f"world-{rng.getrandbits(48)}"
        make = self.make
        vector = [rng.gauss(0, 1) for _ in range(768)]
        trend = {"title": "T", "source": "vk", "deduplicate": False, "embedding": vector}
        make("POST", "/trends", {**trend, "id": self.ids["trend"]})
        make("POST", "/ideas", {**scores, "id": self.ids["idea"], "trend_id": self.ids["trend"], "embedding": vector})
        make("POST", "/businesses", {"id": self.ids["business"], "name": "B", "idea_id": self.ids["idea"]})
        make("POST", "/agents/executions", {"id": self.ids["execution"], "agent_type": kind})
        make("PUT", f"/schedules/{self.schedule}", {"job_type": kind, "time": "@daily", "enabled": False})
        make("POST", "/jobs", {"type": kind})
        held = make("POST", "/jobs/claim", {"types": [kind], "worker": "w", "lease_seconds": 600})
        self.ids["job"], self.ids["lease"] = held["job"]["id"], held["lease"]
        self.given = {
            example_id(api, "getTrend"): self.ids["trend"], example_id(api, "getIdea"): self.ids["idea"],
            example_id(api, "getBusiness"): self.ids["business"], example_id(api, "getJob"): self.ids["job"],
            example_id(api, "getExecution"): self.ids["execution"],
            api.route("reportJob").examples["alive"]["lease"]: self.ids["lease"],
        }  # fmt: skip

    def make(self, method, path, body):
        answer = self.rest.call(method, BASE + path, body)
        assert answer.status in (200, 201), f"{method} {path}: {answer.body[:400]!r}"
        return answer.json["data"]

    def here(self, value):
        """An example, of the rows that are there."""
        written = json.dumps(value)
        for example, own in self.given.items():
            written = written.replace(example, own)
        return json.loads(written)

    def path_values(self, route):
        return {
            name: self.schedule if name == "name" else self.here(parameter["example"])
            for name, parameter in route.inside("path").items()
        }


def example_id(api, name):
    return api.route(name).inside("path")["id"]["example"]


def routes(api):
    """Those that an answer can be asked of without a stream, with rights."""
    return [r for r in api.routes() if not r.is_open and r.name != "openWebSocket"]


# The document by itself.


def test_the_document_is_openapi_31(api, server):
    errors = list(OpenAPIV31SpecValidator(api.document).iter_errors())
    assert not errors, [str(error)[:300] for error in errors[:3]]
    assert api.document["openapi"].startswith("3.1.")
    assert api.document["info"]["version"] == server.rest.get("/").json["trendex"]
    assert api.document["servers"][0]["url"].startswith("/")
    assert len(list(api.routes())) >= 50
    operations = [route.operation["operationId"] for route in api.routes()]
    assert len(set(operations)) == len(operations)
    # Nothing stands in it that nothing refers to.
    written = json.dumps(api.document)
    for kind in ("schemas", "responses", "headers", "parameters"):
        for name in api.document["components"][kind]:
            assert f'"#/components/{kind}/{name}"' in written, f"{kind}/{name} is used nowhere"


def test_examples_and_defaults_fit_their_schemas(api):
    seen = 0
    for route in api.routes():
        for name, example in (route.examples or {}).items():
            api.check(route.body, example, f"{route} example {name}", is_answer=False)
            seen += 1
        assert route.body is None or route.examples, f"{route} has no example"
        for parameter in route.parameters:
            assert parameter.get("example") is not None, f"{route} {parameter['name']} has no example"
            api.check(parameter["schema"], parameter["example"], f"{route} {parameter['name']}", is_answer=False)
        for status, answer in route.operation["responses"].items():
            for kind, content in api.resolve(answer).get("content", {}).items():
                examples = [e["value"] for e in content.get("examples", {}).values()]
                examples += [content["example"]] if "example" in content else []
                assert examples or kind.startswith("text/"), f"{route} {status} {kind} has no example"
                for example in examples:
                    api.check(content["schema"], example, f"{route} {status}", is_answer=route.name != "getDescription")
                    seen += 1
    assert seen > 150

    def visit(schema, told):
        if isinstance(schema, list):
            for element in schema:
                visit(element, told)
        elif isinstance(schema, dict):
            given = schema.get("examples", []) if isinstance(schema.get("examples"), list) else []
            for value in given + ([schema["default"]] if "default" in schema and "properties" not in schema else []):
                api.check(schema, value, told, is_answer=False)
            for key, member in schema.items():
                visit(member, f"{told}.{key}")

    visit(api.schemas, "schemas")


def test_bodies_refuse_other_members(api):
    for route in api.routes():
        if route.body:
            assert api.resolve(route.body)["additionalProperties"] is False, route


# Examples, sent.


def test_each_example_is_answered_as_described(api, server, seed):
    rng = random.Random(seed)
    rest = Rest(server.port)
    statuses = {}
    for route in routes(api):
        queries = [{}]
        required = {n: p["example"] for n, p in route.inside("query").items() if p["required"]}
        for name, parameter in route.inside("query").items():
            queries.append({name: parameter["example"]})
        bodies = list(route.examples.values()) if route.examples else [None]
        tries = [(query, body, {}) for query in queries for body in bodies]
        for name, parameter in route.inside("header").items():
            # Asked twice with one key; which job has a key decides what else may be asked with it.
            own = str(parameter["example"]) + (f"-{route.name}" if name == "Idempotency-Key" else "")
            tries += [({}, bodies[0], {name: own})] * 2
        world, last = None, {}
        for query, body, more in tries:
            # What has an effect must find the rows anew, but for what is asked again.
            if world is None or route.method != "GET" and not (more and more == last):
                world = World(rest, api, rng)
            last = more
            if route.name == "claimJob":
                world.make("POST", "/jobs", {"type": "trend_scout"})
            query = {**world.here(required), **world.here(query)}
            answer = route.send(rest, world.path_values(route), query, more, world.here(body) if body is not None else None)
            told = f"{query} {more} {json.dumps(body)[:300]}"
            assert answer.status < 300, f"{route} {told}: {answer.status} {answer.body[:400]!r}"
            value = route.check(answer, told)
            statuses.setdefault(route.name, set()).add(answer.status)
            if route.name == "claimJob":
                assert value["data"] is not None
            if route.name in ("searchTrends", "searchIdeas", "listTrends", "listIdeas"):
                assert isinstance(value["data"]["items"], list)
    assert statuses["createTrend"] == statuses["queueJob"] == {200, 201}
    assert statuses["runAgent"] == {200, 202}
    # Hits, and each kind of event, are among what is compared.
    found = api.route("searchTrends").send(rest, body={"q": "solar", "limit": 100})
    assert api.route("searchTrends").check(found, "a text")["data"]["items"]
    page = api.route("readEvents").send(rest, query={"after": 0, "limit": 1000}).json["data"]["items"]
    assert {event["type"].split(".")[0] for event in page} == {"trend", "idea", "business", "agent"}
    for event in page:
        api.check({"$ref": "#/components/schemas/Event"}, event, "an event")


# Errors.


def test_errors_are_as_described(api, server, seed):
    rest, rng = Rest(server.port), random.Random(seed)
    world = World(rest, api, rng)
    members = {name for schema in api.schemas.values() for name in schema.get("properties", {})}
    for route in routes(api):
        body = world.here(next(iter(route.examples.values()))) if route.examples else None
        at = world.path_values(route)

        def refused(status, code, told, **request):
            answer = route.send(rest, **{"path_values": at, "body": body, **request})
            assert answer.status == status, f"{route} {told}: {answer.status} {answer.body[:400]!r}"
            error = route.check(answer, told)["error"]
            assert error["code"] == code, f"{route} {told}: {error}"
            return [problem["field"] for problem in error["details"]]

        assert "no_such" in refused(422, "VALIDATION_ERROR", "a parameter", query={"no_such": 1})
        assert "timeout" in refused(422, "VALIDATION_ERROR", "no time", query={"timeout": 0})
        refused(400, "MALFORMED_REQUEST", "a text for a time", query={"timeout": "soon"})
        if "id" in route.inside("path"):
            assert "id" in refused(422, "VALIDATION_ERROR", "an id", path_values={"id": "7"})
            refused(404, "NOT_FOUND", "another id", path_values={"id": str(uuid.uuid4())})
        if route.body:
            refused(400, "MALFORMED_REQUEST", "no JSON", body="{")
            refused(400, "MALFORMED_REQUEST", "no object", body="7")
            refused(400, "MALFORMED_REQUEST", "another type", headers={"content-type": "text/plain"})
            refused(415, "UNSUPPORTED_MEDIA_TYPE", "encoded", headers={"content-encoding": "gzip"})
            assert refused(422, "VALIDATION_ERROR", "a member", body={**body, "no_such": 1}) == ["no_such"]
            # Members of other bodies, as many at once as an error tells of.
            others = sorted(members - api.resolve(route.body)["properties"].keys())
            for start in range(0, len(others), 30):
                others_here = others[start : start + 30]
                found = refused(422, "VALIDATION_ERROR", "others", body={**body, **dict.fromkeys(others_here, 1)})
                assert set(others_here) <= set(found), f"{route} takes {set(others_here) - set(found)}"
    gone = api.route("readEvents").send(rest, query={"after": 2**40})
    assert gone.status == 410 and api.route("readEvents").check(gone, "a place")["error"]["code"] == "GONE"
    socket = api.route("openWebSocket")
    assert socket.check(socket.send(rest), "no handshake")["error"]["code"] == "UPGRADE_REQUIRED"


def test_a_server_without_an_embedder(api):
    with Server() as server:
        for name in ("searchTrendsByText", "searchIdeasByText"):
            route = api.route(name)
            answer = route.send(server.rest, query={"q": "solar"})
            assert answer.status == 200 and route.check(answer, "words")["meta"]["mode"] == "text"
            answer = route.send(server.rest, query={"q": "solar", "mode": "semantic"})
            assert answer.status == 400 and route.check(answer, "a text")["error"]["code"] == "VALIDATION_ERROR"


def test_rights_and_limits(api):
    config = "rate_limits:\n  anonymous: {per_minute: 600}\n  overrides:\n    - {route: GET /api/v1/jobs, per_minute: 1, burst: 1}\n"
    with Server(environment=KEYS, config=config) as server:
        for route in routes(api):
            body = next(iter(route.examples.values())) if route.examples else None
            for headers, status in [({}, 401), ({"authorization": "Bearer wrong"}, 401), ({"api-key": "read"}, 403)]:
                needs = route.operation["x-required-role"]
                if status == 403 and needs == "reader":
                    continue
                answer = route.send(server.rest, headers=headers, body=body)
                assert answer.status == status, f"{route} {headers}: {answer.body[:300]!r}"
                route.check(answer, headers)
        jobs = api.route("listJobs")
        answers = [jobs.send(server.rest, headers={"api-key": "all"}) for _ in range(3)]
        assert [answer.status for answer in answers][1:] == [429, 429]
        assert jobs.check(answers[-1], "a limit")["error"]["code"] == "RATE_LIMITED"
        assert int(answers[-1].headers["retry-after"]) >= 1
        # The description and its page are for everybody, and never limited.
        for headers in ({}, {"api-key": "wrong"}):
            assert server.rest.get(f"{BASE}/openapi.json", headers=headers).json == api.document
            assert server.rest.get(f"{BASE}/docs", headers=headers).status == 200


def test_the_page_allows_its_own_script_alone(server):
    answer = server.rest.get(f"{BASE}/docs")
    policy = answer.headers["content-security-policy"]
    page = answer.body.decode()
    for tag, directive in [("script", "script-src"), ("style", "style-src")]:
        inner = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert len(inner) == 1
        digest = base64.b64encode(hashlib.sha256(inner[0].encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy


# Random requests.


def assert_fair(route, answer, told, must=None):
    """No fault of the server, nothing that isn't described; for a valid request, nothing that the schemas forbid."""
    assert answer.status < 500, f"{route} {told}: {answer.status} {answer.body[:600]!r}"
    value = route.check(answer, told)
    if must == "pass":
        assert answer.status not in (400, 413, 415), f"{route} {told}: {answer.status} {answer.body[:600]!r}"
        if answer.status == 422:
            for problem in value["error"]["details"]:
                known = [(f, part) for f, part in BETWEEN_VALUES if problem["field"] == f and part in problem["message"]]
                assert known, f"{route} {told}: {problem}"
    if must == "fail":
        # Rows may be looked for before all is checked.
        assert answer.status in (400, 404, 422), f"{route} takes {told}: {answer.status} {answer.body[:400]!r}"


def test_random_requests(api, server, seed):
    """Some hundreds of each route."""
    rest = Rest(server.port)
    counts = {}
    for route in routes(api):
        rng = random.Random(f"{seed} {route.name}")
        world = None
        for turn in range(ROUNDS):
            if world is None or turn % 25 == 0 and route.method != "GET":
                world = World(rest, api, rng)
                values = Values(rng, api.schemas, world.ids.values())
            at = world.path_values(route)
            if "name" in at and rng.random() < 0.5:
                at["name"] = values.value(route.inside("path")["name"]["schema"])
            body = values.a_object(api.resolve(route.body)) if route.body else None
            if route.body and not api.validator(route.body, False).is_valid(body):
                continue
            if body and "lease" in body and rng.random() < 0.8:
                body["lease"] = world.ids["lease"]
            for new in [body or {}, *(body or {}).get("trends", [])]:
                # Of rows that are made, they must be new.
                if "id" in new:
                    new["id"] = str(uuid.UUID(int=rng.getrandbits(128)))
            query = {
                name: values.value(parameter["schema"])
                for name, parameter in route.inside("query").items()
                # A place is of one order alone, and a stream has no end.
                if name not in ("follow",) and not (name == "after" and parameter["schema"]["type"] == "string")
                and (parameter["required"] or rng.random() < 0.3)
            }  # fmt: skip
            # In an address, a comma parts the values.
            query = {n: [str(e).replace(",", ";") for e in v] if isinstance(v, list) else v for n, v in query.items()}
            told = f"{at} {query} {json.dumps(body)[:1500]}"
            answer = route.send(rest, at, query, None, body)
            assert_fair(route, answer, told, "pass")
            counts[route.name] = counts.get(route.name, 0) + 1
        # Rows in whose way nothing stands.
        world = World(rest, api, rng)
        for told, body in values.wrong_bodies(route.body) if route.body else ():
            if api.validator(route.body, False).is_valid(body):
                continue
            answer = route.send(rest, world.path_values(route), None, None, body)
            if route.name == "createTrends" and answer.status in (200, 201) and told.startswith("trends[0]"):
                assert route.check(answer, told)["data"]["errors"], f"{route} takes {told}: {answer.body[:400]!r}"
            else:
                assert_fair(route, answer, f"{told} {json.dumps(body)[:600]}", "fail")
            counts[route.name] += 1
        for name, parameter in route.inside("query").items():
            required = {n: p["example"] for n, p in route.inside("query").items() if p["required"] and n != name}
            for told, value in wrong_texts(values, parameter["schema"]):
                answer = route.send(rest, world.path_values(route), {**required, name: value}, None, None if not route.body else {})
                assert_fair(route, answer, f"{name}: {told}", "fail")
                counts[route.name] += 1
    print({name: count for name, count in sorted(counts.items())})
    assert min(counts.values()) >= ROUNDS // 2


def wrong_texts(values, schema):
    """Texts of a parameter that are no value of its schema."""
    kind = schema["type"]
    if kind == "array":
        return [(told, [value]) for told, value in wrong_texts(values, values.resolve(schema["items"]))]
    if kind == "string":
        return [(t, v) for t, v in values.wrong(schema) if isinstance(v, str) and v != "text" and v != ""]
    found = [("a text", "x"), ("nothing", "")]
    if kind in ("integer", "number"):
        found += [(t, v) for t, v in values.wrong(schema) if isinstance(v, int) and not isinstance(v, bool)]
        found += [("no number", "nan"), ("no number", "1e999")]
    if kind == "integer":
        found += [("a fraction", "1.5")]
    return found
