"""The part of JSON Schema that Anthropic compiles for structured outputs and strict tools."""

from collections.abc import Iterator
from typing import Any

_UNSUPPORTED = {
    "string": ("minLength", "maxLength", "pattern"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "array": ("maxItems", "uniqueItems", "contains"),
    "object": ("patternProperties", "minProperties", "maxProperties", "propertyNames"),
}
_NOWHERE = ("oneOf", "not", "if", "then", "else")


def fault(schema: Any) -> str:
    """What cannot be compiled in the schema, or nothing."""
    return next(_faults(schema), "") or _circle(schema)


def _faults(schema: Any) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    for word in _NOWHERE:
        if word in schema:
            yield f"Schema type '{word}' is not supported"
    kinds = schema.get("type")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        for word in _UNSUPPORTED.get(str(kind), ()):
            if word in schema:
                yield f"For '{kind}' type, property '{word}' is not supported"
        if kind == "object" and schema.get("additionalProperties") is not False:
            yield "For 'object' type, 'additionalProperties' must be explicitly set to false"
        if kind == "array" and schema.get("minItems", 0) > 1:
            yield "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
    for value in (schema.get("properties") or {}).values():
        yield from _faults(value)
    yield from _faults(schema.get("items"))
    for word in ("anyOf", "allOf"):
        for value in schema.get(word) or ():
            yield from _faults(value)
    for word in ("$defs", "definitions"):
        for value in (schema.get(word) or {}).values():
            yield from _faults(value)


def _circle(schema: Any) -> str:
    """A definition that leads back to itself."""
    if not isinstance(schema, dict):
        return ""
    definitions = {**(schema.get("definitions") or {}), **(schema.get("$defs") or {})}
    leads = {
        name: {to for to in _references(value) if to in definitions} for name, value in definitions.items()
    }
    for start in leads:
        seen, ahead = set[str](), [(start, to) for to in leads[start]]
        while ahead:
            came, at = ahead.pop()
            if at == start:
                return (
                    f"Invalid schema: Circular reference detected in schema definitions: {came} -> {at}. "
                    "Self-referencing or mutually-referencing definitions are not supported."
                )
            if at not in seen:
                seen.add(at)
                ahead += [(at, to) for to in leads[at]]
    return ""


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].rpartition("/")[2]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
