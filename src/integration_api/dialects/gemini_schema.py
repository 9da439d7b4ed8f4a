"""JSON Schema as the subset of OpenAPI 3.0 that Gemini's older fields take.

https://ai.google.dev/api/caching#Schema
"""

from collections.abc import Mapping
from typing import Any

from integration_api.core.json import encode_text

Schema = dict[str, Any]

_KEPT = frozenset({
    "type", "description", "nullable", "enum", "items", "properties", "required", "minItems", "maxItems",
    "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "minimum", "maximum", "anyOf",
    "title", "propertyOrdering",
})  # fmt: skip
_SILENT = frozenset({"$schema", "$id", "$defs", "definitions", "allOf"})
"""What was heeded already, or means nothing to an answer."""
_FORMATS = frozenset({"enum", "date-time", "float", "double", "int32", "int64"})
MOST_DEPTH = 32
"""Deeper ones are answered "exceeds maximum allowed nesting depth" long before."""


def subset(schema: Mapping[str, Any], *, ordered: bool = False) -> tuple[Schema, tuple[str, ...]]:
    """Return `schema` in the subset, and what could not be said in it.

    `ordered` is for answers: these models write properties by the alphabet unless they are told an order.
    What is no JSON Schema is passed on as it is: Gemini says what is wrong with it.
    """
    lost: dict[str, None] = {}
    return _Converter(schema, lost, ordered=ordered).convert(schema, ()), tuple(lost)


class _Converter:
    def __init__(self, root: Mapping[str, Any], lost: dict[str, None], *, ordered: bool) -> None:
        self._root = root
        self._lost = lost
        self._ordered = ordered

    def convert(self, schema: Any, path: tuple[str, ...], depth: int = 0) -> Schema:
        if not isinstance(schema, Mapping) or depth > MOST_DEPTH:
            self._lost["any value" if not isinstance(schema, Mapping) else "depth"] = None
            return {"type": "STRING"}
        if isinstance(ref := schema.get("$ref"), str):
            target = _resolve(ref, self._root)
            if target is None or ref in path:
                self._lost["$ref"] = None
                return {"type": "OBJECT", "description": f"as {ref}"}
            beside = {name: value for name, value in schema.items() if name != "$ref"}
            return self.convert({**target, **beside}, (*path, ref), depth + 1)
        for merged in _list(schema.get("allOf")):
            schema = _merged(schema, _target(merged, self._root))
        found: Schema = {}
        for name, value in schema.items():
            self._say(found, name, value, path, depth)
        if isinstance(found.get("enum"), list) and found["enum"]:
            # Its enumerations are of texts, and null is said apart.
            if None in found["enum"]:
                found["nullable"] = True
            texts = [value for value in found["enum"] if value is not None]
            if not all(isinstance(value, str) for value in texts):
                texts = [value if isinstance(value, str) else encode_text(value) for value in texts]
                found["type"] = "STRING"
            found["enum"] = texts
        _fold_null(found)
        if "type" not in found and "anyOf" not in found:
            found["type"] = "OBJECT" if "properties" in found else "ARRAY" if "items" in found else "STRING"
        if self._ordered and "propertyOrdering" not in found and len(found.get("properties", ())) > 1:
            found["propertyOrdering"] = list(found["properties"])
        return found

    def _say(self, found: Schema, name: str, value: Any, path: tuple[str, ...], depth: int) -> None:
        match name, value:
            case "type", str() | list():
                self._type(found, value)
            case "const", _:
                found["enum"] = [value]
            case "properties", dict():
                found[name] = {key: self.convert(inner, path, depth + 1) for key, inner in value.items()}
            case "items", _:
                found[name] = self.convert(value, path, depth + 1)
            case (("anyOf" | "oneOf"), list()):
                choices = [inner for inner in value if not _is_null(inner)]
                if len(choices) < len(value):
                    found["nullable"] = True
                found["anyOf"] = [self.convert(inner, path, depth + 1) for inner in choices]
            case (("exclusiveMinimum" | "exclusiveMaximum"), int() | float()) if not isinstance(value, bool):
                found.setdefault(name.replace("exclusiveM", "m"), value)
                self._lost[name] = None
            case "format", _ if value not in _FORMATS:
                self._lost[name] = None
            case "format", _:
                found[name] = value
            case "additionalProperties", False:
                pass  # It is how it is meant anyway.
            case _ if name in _KEPT:
                found[name] = value
            case _ if name not in _SILENT:
                self._lost[name] = None

    @staticmethod
    def _type(found: Schema, given: str | list[Any]) -> None:
        kinds = [str(kind).upper() for kind in ([given] if isinstance(given, str) else given)]
        others = [kind for kind in kinds if kind != "NULL"]
        if len(others) != len(kinds):
            found["nullable"] = True
        if len(others) == 1:
            found["type"] = others[0]
        elif others:
            found["anyOf"] = [{"type": kind} for kind in others]


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"


def _fold_null(found: Schema) -> None:
    """Say a choice of one as that one."""
    choices = found.get("anyOf")
    if isinstance(choices, list) and len(choices) == 1 and found.get("nullable"):
        del found["anyOf"]
        for name, value in choices[0].items():
            found.setdefault(name, value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _target(schema: Any, root: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(schema, Mapping):
        return {}
    ref = schema.get("$ref")
    return schema if ref is None else _resolve(ref, root) or {}


def _resolve(ref: Any, root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if not isinstance(ref, str) or not ref.startswith("#/"):
        return None
    found: Any = root
    for step in ref[2:].split("/"):
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> Schema:
    both = {**other, **one}
    if isinstance(one.get("properties"), Mapping) and isinstance(other.get("properties"), Mapping):
        both["properties"] = {**other["properties"], **one["properties"]}
    if both.get("required"):
        both["required"] = list(dict.fromkeys((*_list(other.get("required")), *_list(one.get("required")))))
    return both
