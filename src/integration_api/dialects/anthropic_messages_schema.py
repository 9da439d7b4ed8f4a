"""JSON Schema as Claude's strict compiler takes it.

https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations
"""

from collections.abc import Mapping
from typing import Any

from integration_api.core.json import encode_text

Schema = dict[str, Any]

_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_KEPT = frozenset({"type", "description", "title", "default", "required", "$ref", "const"})
_ANYTHING: Schema = {
    "anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}, {"type": "null"}],
}
"""What a schema that allows everything becomes: the compiler must know some type."""


def strict_schema(schema: Mapping[str, Any]) -> tuple[Schema, tuple[str, ...]]:
    """Return `schema` in the subset the compiler takes, and the keywords that had to change.

    What the subset cannot say moves into descriptions, for the model to read.
    """
    changed: dict[str, None] = {}
    return _strict(schema, changed), tuple(changed)


def is_recursive(schema: Any, root: Mapping[str, Any] | None = None, path: tuple[str, ...] = ()) -> bool:
    """Whether a definition refers to itself, which the compiler refuses."""
    root = schema if root is None else root
    if isinstance(schema, Mapping):
        ref = schema.get("$ref")
        if isinstance(ref, str):
            if ref in path or ref == "#":
                return True
            target = _resolve(ref, root)
            if target is not None and is_recursive(target, root, (*path, ref)):
                return True
        # Definitions are walked when they are referred to.
        rest = (value for name, value in schema.items() if name not in {"$defs", "definitions", "$ref"})
        return any(is_recursive(value, root, path) for value in rest)
    if isinstance(schema, list | tuple):
        return any(is_recursive(value, root, path) for value in schema)
    return False


def tool_schema(schema: Mapping[str, Any] | None) -> tuple[Schema, tuple[str, ...]]:
    """Return a tool's schema with the object at its top that Anthropic demands, and what had to change."""
    if not isinstance(schema, Mapping):
        return {"type": "object", "properties": {}}, () if schema is None else ("schema",)
    if isinstance(schema.get("$ref"), str):
        target = _resolve(schema["$ref"], schema)
        if target is not None:
            schema = {**target, **{name: value for name, value in schema.items() if name != "$ref"}}
    shaped: Schema = {"type": "object", **schema, "properties": schema.get("properties") or {}}
    changed: list[str] = []
    if shaped["type"] != "object":
        shaped["type"] = "object"
        changed.append("type")
    for keyword in ("anyOf", "oneOf", "allOf"):
        if keyword in shaped:
            _merge(shaped, keyword, shaped.pop(keyword), schema)
            changed.append(keyword)
    return shaped, tuple(changed)


def _strict(schema: Any, changed: dict[str, None]) -> Schema:
    if not isinstance(schema, Mapping) or not schema:
        changed["any value"] = None
        return dict(_ANYTHING)
    strict: Schema = {}
    aside: Schema = {}
    for name, value in schema.items():
        match name:
            case "properties":
                strict[name] = {key: _strict(found, changed) for key, found in (value or {}).items()}
            case "$defs" | "definitions":
                strict[name] = {key: _strict(found, changed) for key, found in value.items()}
            case "items" if isinstance(value, Mapping):
                strict[name] = _strict(value, changed)
            case "anyOf" | "allOf" if isinstance(value, list):
                strict[name] = [_strict(found, changed) for found in value]
            case "oneOf" if isinstance(value, list) and "anyOf" not in schema:
                strict["anyOf"] = [_strict(found, changed) for found in value]
                changed[name] = None
            case "additionalProperties":
                if value is not False:
                    changed[name] = None
                    if isinstance(value, Mapping) and value:
                        aside[name] = value
            case "enum" if all(not isinstance(found, list | dict) for found in value):
                strict[name] = value
            case "format" if value in _FORMATS:
                strict[name] = value
            case "minItems" if value in {0, 1}:
                strict[name] = value
            case "$schema" | "$id" | "$comment" | "examples":
                pass
            case _ if name in _KEPT:
                strict[name] = value
            case _:
                aside[name] = value
    if aside:
        changed.update(dict.fromkeys(aside))
        said = ", ".join(f"{name}: {encode_text(value)}" for name, value in aside.items())
        before = strict.get("description")
        strict["description"] = f"{before}\n\n{{{said}}}" if before else f"{{{said}}}"
    kind = strict.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in strict:
        strict["additionalProperties"] = False
        strict.setdefault("properties", {})
    return strict


def _resolve(ref: str, root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found: Any = root
    for step in ref.removeprefix("#").strip("/").split("/"):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None


def _merge(shaped: Schema, keyword: str, variants: Any, root: Mapping[str, Any]) -> None:
    """Take the variants' properties into the object itself, required where every variant does."""
    known: list[Mapping[str, Any]] = []
    for variant in variants if isinstance(variants, list) else ():
        found = variant
        if isinstance(found, Mapping) and isinstance(found.get("$ref"), str):
            found = _resolve(found["$ref"], root) or {}
        if isinstance(found, Mapping):
            known.append(found)
    properties = dict(shaped["properties"])
    required = dict.fromkeys(shaped.get("required") or ())
    for variant in known:
        for name, value in (variant.get("properties") or {}).items():
            properties.setdefault(name, value)
    if known and keyword == "allOf":
        for variant in known:
            required.update(dict.fromkeys(variant.get("required") or ()))
    elif known:
        common = [
            name
            for name in known[0].get("required") or ()
            if all(name in (variant.get("required") or ()) for variant in known)
        ]
        required.update(dict.fromkeys(common))
    shaped["properties"] = properties
    if required:
        shaped["required"] = list(required)
