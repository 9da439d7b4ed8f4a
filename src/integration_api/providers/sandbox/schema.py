"""An instance of a JSON Schema, always the same for the same schema.

https://json-schema.org/draft/2020-12. `pattern` and `not` are not understood: an
`example`, `default` or `enum` serves there.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any

from integration_api.core.errors import Failure, Kind

FULL_DEPTH = 3
"""How deep optional properties are still filled in; deeper, only what is required."""
MAX_DEPTH = 32
"""A schema that demands more than this is one that no finite value meets."""

_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "PT1S",
    "email": "someone@example.com",
    "hostname": "example.com",
    "uri": "https://example.com/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def instance(schema: Mapping[str, Any]) -> Any:
    """Return a value that `schema` allows.

    Raises `Failure` INVALID_REQUEST for a schema that refers to itself without end.
    """
    return _Maker(schema).make(schema, "text", 0, 0)


class _Maker:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root

    def make(self, schema: Any, name: str, nth: int, depth: int) -> Any:
        """Return the `nth` value that `schema` allows for the property `name`."""
        if depth > MAX_DEPTH:
            raise Failure(Kind.INVALID_REQUEST, "the schema refers to itself without end", param="schema")
        if not isinstance(schema, Mapping):
            return name
        if isinstance(schema.get("$ref"), str):
            return self.make(self._resolved(schema), name, nth, depth + 1)
        for keyword in ("anyOf", "oneOf"):
            if variants := schema.get(keyword):
                rest = {key: value for key, value in schema.items() if key != keyword}
                return self.make(_both(rest, self._simplest(variants, depth)), name, nth, depth + 1)
        if "allOf" in schema:
            whole = {key: value for key, value in schema.items() if key != "allOf"}
            for part in schema["allOf"]:
                whole = _both(whole, self._resolved(part))
            return self.make(whole, name, nth, depth + 1)
        if "const" in schema:
            return schema["const"]
        for choices in (schema.get("enum"), schema.get("examples")):
            if choices:
                return choices[nth % len(choices)]
        if "default" in schema:
            return schema["default"]
        return self._typed(schema, name, nth, depth)

    def _typed(self, schema: Mapping[str, Any], name: str, nth: int, depth: int) -> Any:
        match _type(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, name, depth)
            case "integer" | "number" as kind:
                return _number(schema, nth, whole=kind == "integer")
            case "boolean":
                return nth % 2 == 0
            case "null":
                return None
            case _:
                return _string(schema, name, nth)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        required = schema.get("required") or ()
        wanted = dict.fromkeys(required)
        if depth < FULL_DEPTH:
            wanted = dict.fromkeys((*properties, *required))
        return {name: self.make(properties.get(name, {}), name, 0, depth + 1) for name in wanted}

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        first = schema.get("prefixItems") or ()
        length = max(schema.get("minItems", 0), len(first), 1 if depth < FULL_DEPTH else 0)
        length = min(length, schema.get("maxItems", length))
        items = schema.get("items", {})
        return [
            self.make(first[nth] if nth < len(first) else items, name, nth, depth + 1)
            for nth in range(length)
        ]

    def _simplest(self, variants: Any, depth: int) -> Mapping[str, Any]:
        known = [self._resolved(variant) for variant in variants]
        if depth < FULL_DEPTH:
            return known[0]
        # Deep down the way out is what holds nothing else.
        return min(known, key=lambda found: _type(found) in {"object", "array"})

    def _resolved(self, schema: Any) -> Mapping[str, Any]:
        for _ in range(MAX_DEPTH):
            if not isinstance(schema, Mapping):
                return {}
            if not isinstance(schema.get("$ref"), str):
                return schema
            found: Any = self._root
            for step in schema["$ref"].removeprefix("#").strip("/").split("/"):
                if step:
                    key = step.replace("~1", "/").replace("~0", "~")
                    found = found.get(key) if isinstance(found, Mapping) else None
            schema = found
        return {}


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((str(found) for found in kind if found != "null"), "null")
    if kind is not None:
        return str(kind)
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _both(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that asks for both."""
    both = {**one, **other}
    if "properties" in one and "properties" in other:
        both["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        both["required"] = [*one["required"], *other["required"]]
    return both


def _number(schema: Mapping[str, Any], nth: int, *, whole: bool) -> int | float:
    step = schema.get("multipleOf") or (1 if whole else 0)
    low = schema.get("minimum")
    if (above := schema.get("exclusiveMinimum")) is not None:
        low = above + 1 if whole else above + (step or 0.5)
    high = schema.get("maximum")
    if (below := schema.get("exclusiveMaximum")) is not None:
        high = below - 1 if whole else below - (step or 0.5)
    value = low if low is not None else (1 if high is None or high >= 1 else high)
    if low is not None and high is not None and value > high:  # A gap narrower than a half.
        value = (schema.get("exclusiveMinimum", low) + schema.get("exclusiveMaximum", high)) / 2
    if step:
        value = ceil(value / step) * step
        if high is not None and value > high and low is None:
            value -= step
    value += nth * (step or 1)
    return int(value) if whole else value


def _string(schema: Mapping[str, Any], name: str, nth: int) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    text = name if nth == 0 else f"{name}{nth + 1}"
    text = text.ljust(schema.get("minLength", 0), "x")
    most = schema.get("maxLength")
    return text if most is None else text[:most]
