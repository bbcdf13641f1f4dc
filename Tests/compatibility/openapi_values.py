"""Values that a JSON Schema of the trend API's description allows, and bodies that it doesn't, drawn at random."""

import copy
import math
import string
import uuid

# Of several planes, directions and widths; what JSON escapes; what combines.
CHARACTERS = string.ascii_letters + string.digits + " .,-_/%&?=+#\"'\\\n\t\x01\x7f" + "жЯёßñ漢字ｶ😀👩‍🚀e\u0301\u202e\ufeff\uffff"
TIMES = [
    "2026-05-01T12:00:00Z", "2026-05-01t12:00:00.123456z", "2024-02-29T23:59:59+05:30", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59-01:00",
]  # fmt: skip
NUMBERS = [0, 1, -1, 0.5, -0.0, 1e-300, 5e-324, 1e15, -1e15, 1.7976931348623157e308, -1.7976931348623157e308, 2**53, 2**63]


class Values:
    """`rng` draws; `known` are ids of rows, which stand for most ids so that more than 404 is answered."""

    def __init__(self, rng, schemas, known=()):
        self.rng, self.schemas, self.known = rng, schemas, list(known)

    def resolve(self, schema):
        return self.schemas[schema["$ref"].split("/")[-1]] if "$ref" in schema else schema

    def value(self, schema):
        schema, rng = self.resolve(schema), self.rng
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return rng.choice(schema["enum"])
        if "anyOf" in schema:
            return self.value(rng.choice(schema["anyOf"]))
        kinds = schema.get("type", "object")
        kind = kinds if isinstance(kinds, str) else rng.choice(kinds)
        return getattr(self, "a_" + kind)(schema)

    def a_null(self, schema):
        return None

    def a_boolean(self, schema):
        return self.rng.random() < 0.5

    def a_integer(self, schema):
        least, most = schema.get("minimum", -(2**31)), schema.get("maximum", 2**31)
        return self.rng.choice([least, most, min(most, least + 1), self.rng.randint(least, most), min(max(5, least), most)])

    def a_number(self, schema):
        rng = self.rng
        least, most = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
        if schema.get("format") == "decimal":
            return rng.choice([0, -0.5, 1250.5, least, most, round(rng.uniform(-1e6, 1e6), 2)])
        if schema.get("format") == "float":
            return rng.gauss(0, 1)
        if most < math.inf:
            return rng.choice([least, most, rng.uniform(least, most)])
        return rng.choice([n for n in NUMBERS if n >= least] + [rng.uniform(max(least, -1e6), 1e6)])

    def a_string(self, schema):
        rng = self.rng
        if "examples" in schema:
            return rng.choice(schema["examples"])
        if schema.get("format") == "uuid":
            drawn = rng.choice(self.known) if self.known and rng.random() < 0.8 else str(uuid.UUID(int=rng.getrandbits(128)))
            return drawn.upper() if rng.random() < 0.2 else drawn
        if schema.get("format") == "date-time":
            return rng.choice(TIMES)
        least, most = schema.get("minLength", 0), schema.get("maxLength", 60)
        length = rng.choice([least, min(least + 1, most), min(most, 12), min(most, 200), most])
        drawn = "".join(rng.choice(CHARACTERS) for _ in range(min(length, 100)))
        return (drawn * (length // 100 + 1))[:length]

    def a_array(self, schema):
        least, most = schema.get("minItems", 0), schema.get("maxItems", 5)
        if least == most and self.resolve(schema["items"]).get("format") == "float":
            return [self.rng.gauss(0, 1) for _ in range(most)]
        length = self.rng.choice([least, min(least + 1, most), min(3, most), most if most <= 100 else 4])
        return [self.value(schema["items"]) for _ in range(max(length, least))]

    def a_object(self, schema, depth=0):
        properties = schema.get("properties")
        if properties is None:
            return {self.any_name(): self.anything(depth) for _ in range(self.rng.randint(0, 3))}
        required = set(schema.get("required", []))
        alternatives = [one["required"][0] for one in schema.get("oneOf", [])]
        share = self.rng.choice([0, 0.2, 0.5, 1])
        names = [
            name for name in properties if name in required or name not in alternatives and self.rng.random() < share
        ]  # fmt: skip
        if alternatives:
            names.append(self.rng.choice(alternatives))
        self.rng.shuffle(names)
        return {name: self.value(properties[name]) for name in names}

    def any_name(self):
        return "".join(self.rng.choice(CHARACTERS) for _ in range(self.rng.randint(0, 6)))

    def anything(self, depth):
        rng = self.rng
        if depth < 3 and rng.random() < 0.4:
            if rng.random() < 0.5:
                return [self.anything(depth + 1) for _ in range(rng.randint(0, 3))]
            return self.a_object({}, depth + 1)
        return rng.choice([None, True, False, rng.choice(NUMBERS), rng.randint(-(2**63), 2**64 - 1), self.any_name()])

    # What is refused.

    def wrong(self, schema):
        """Values that are no value of the schema, each with what is wrong with it."""
        schema = self.resolve(schema)
        kinds = schema.get("type", "object")
        kinds = {kinds} if isinstance(kinds, str) else set(kinds)
        others = {"null": None, "boolean": True, "number": 7.5, "string": "text", "array": [[]], "object": {"a": 1}}
        if "anyOf" in schema:
            return [("of no kind", [[]]), ("of no kind", {"a": 1}), ("of no kind", True)]
        if "enum" in schema:
            kinds = {"string"} | ({"null"} if None in schema["enum"] else set())
        # An integer is a number, too.
        accepted = kinds | ({"number"} if "integer" in kinds else set())
        found = [(f"{kind} for {sorted(kinds)}", value) for kind, value in others.items() if kind not in accepted]
        if "enum" in schema:
            found.append(("no member", "no-such-member"))
        if "integer" in kinds:
            found.append(("a fraction", 1.5))
        if "minimum" in schema:
            found.append(("too small", schema["minimum"] - 1))
        if "maximum" in schema:
            found.append(("too large", schema["maximum"] + 1))
        if schema.get("minLength"):
            found.append(("too short", "x" * (schema["minLength"] - 1)))
        if "maxLength" in schema:
            found.append(("too long", "x" * (schema["maxLength"] + 1)))
        if "u0000" in schema.get("pattern", ""):
            found.append(("a zero", "a\0b"))
        if schema.get("format") in ("uuid", "date-time", "iri", "hostname", "decimal") and "string" in kinds:
            found.append(("of no form", "no such form"))
        if "array" in kinds:
            items = schema["items"]
            if schema.get("minItems"):
                found.append(("too few", [self.value(items) for _ in range(schema["minItems"] - 1)]))
            if schema.get("maxItems", 10**9) <= 1_000:
                found.append(("too many", [self.value(items) for _ in range(schema["maxItems"] + 1)]))
            length = max(schema.get("minItems", 0), 1)
            for told, value in self.wrong(items):
                found.append((f"an element {told}", [self.value(items) for _ in range(length - 1)] + [value]))
        return found

    def wrong_bodies(self, schema):
        """Bodies of an object's schema with one fault each."""
        schema = self.resolve(schema)
        valid = self.a_object(schema)
        yield "an unknown member", {**valid, "no_such_member": 1}
        yield "no object", [valid]
        for name in schema.get("required", []):
            yield f"no {name}", {key: value for key, value in valid.items() if key != name}
        alternatives = [one["required"][0] for one in schema.get("oneOf", [])]
        if alternatives:
            yield "no alternative", {key: value for key, value in valid.items() if key not in alternatives}
            yield "all alternatives", {**valid, **{name: self.value(schema["properties"][name]) for name in alternatives}}
        for name, member in schema["properties"].items():
            base = {key: value for key, value in valid.items() if name not in alternatives or key not in alternatives}
            for told, value in self.wrong(member):
                yield f"{name}: {told}", {**copy.deepcopy(base), name: value}
            inner = self.resolve(self.resolve(member).get("items", {}))
            if inner.get("additionalProperties") is False:
                for told, value in self.wrong_bodies(inner):
                    yield f"{name}[0]: {told}", {**copy.deepcopy(base), name: [value]}
