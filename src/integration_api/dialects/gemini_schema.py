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
_FORMATS = frozenset({"enum", "date-time", "float", "double", "int32", "int64"})
_ANYTHING: Schema = {"type": "string"}
MOST_DEPTH = 32
"""Deeper ones are answered "exceeds maximum allowed nesting depth" long before."""


def subset(schema: Mapping[str, Any]) -> tuple[Schema, tuple[str, ...]]:
    """Return `schema` in the subset, and what could not be said in it."""
    lost: dict[str, None] = {}
    return _Converter(schema, lost).convert(schema, ()), tuple(lost)


class _Converter:
    def __init__(self, root: Mapping[str, Any], lost: dict[str, None]) -> None:
        self._root = root
        self._lost = lost

    def convert(self, schema: Any, path: tuple[str, ...], depth: int = 0) -> Schema:
        if not isinstance(schema, Mapping) or depth > MOST_DEPTH:
            self._lost["any value" if not isinstance(schema, Mapping) else "depth"] = None
            return dict(_ANYTHING)
        if (ref := schema.get("$ref")) is not None:
            target = _resolve(ref, self._root)
            if target is None or ref in path:
                self._lost["$ref"] = None
                return {"type": "object", "description": f"as {ref}"}
            beside = {name: value for name, value in schema.items() if name != "$ref"}
            return self.convert({**target, **beside}, (*path, str(ref)), depth + 1)
        for merged in schema.get("allOf") or ():
            schema = _merged(schema, _target(merged, self._root))
        found: Schema = {}
        for name, value in schema.items():
            match name:
                case "type":
                    self._type(found, value)
                case "const":
                    found["enum"] = [value]
                case "properties":
                    found[name] = {
                        key: self.convert(inner, path, depth + 1) for key, inner in (value or {}).items()
                    }
                case "items":
                    found[name] = self.convert(value, path, depth + 1)
                case "anyOf" | "oneOf":
                    found["anyOf"] = [self.convert(inner, path, depth + 1) for inner in value]
                case "exclusiveMinimum" | "exclusiveMaximum" if not isinstance(value, bool):
                    found.setdefault(name.replace("exclusiveM", "m"), value)
                    self._lost[name] = None
                case "format":
                    if value in _FORMATS:
                        found[name] = value
                    else:
                        self._lost[name] = None
                case "$schema" | "$id" | "$defs" | "definitions" | "allOf" | "additionalProperties":
                    # `additionalProperties: false` is how it is meant anyway.
                    if name == "additionalProperties" and value is not False:
                        self._lost[name] = None
                case _ if name in _KEPT:
                    found[name] = value
                case _:
                    self._lost[name] = None
        self._null(found)
        if "enum" in found and not all(isinstance(value, str) for value in found["enum"]):
            # Its enumerations are of texts.
            found["enum"] = [v if isinstance(v, str) else encode_text(v) for v in found["enum"]]
            found["type"] = "string"
        if "type" not in found and "anyOf" not in found and found != {"nullable": True}:
            found["type"] = "object" if "properties" in found else "array" if "items" in found else "string"
        return found

    def _type(self, found: Schema, given: Any) -> None:
        kinds = [given] if isinstance(given, str) else list(given)
        others = [kind for kind in kinds if kind != "null"]
        if len(others) != len(kinds):
            found["nullable"] = True
        if len(others) == 1:
            found["type"] = others[0]
        elif others:
            found["anyOf"] = [{"type": kind} for kind in others]

    @staticmethod
    def _null(found: Schema) -> None:
        """Say as `nullable` that one of the choices is null."""
        choices = found.get("anyOf")
        if not choices:
            return
        real = [choice for choice in choices if choice.get("type") or choice.get("anyOf")]
        if len(real) == len(choices):
            return
        found["nullable"] = True
        if len(real) == 1:
            del found["anyOf"]
            found |= real[0]
        else:
            found["anyOf"] = real


def _target(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
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
    for name in ("properties",):
        if name in one and name in other:
            both[name] = {**other[name], **one[name]}
    if "required" in one and "required" in other:
        both["required"] = list(dict.fromkeys((*other["required"], *one["required"])))
    return both
