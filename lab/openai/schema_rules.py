"""What OpenAI asks of a JSON Schema: an object on top, and in strict mode every property required and no
others (platform.openai.com/docs/guides/structured-outputs).
"""

from collections.abc import Iterator
from typing import Any

_UNSUPPORTED = ("allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else", "oneOf")


def top(schema: Any) -> str:
    """What is wrong with the schema's top, or nothing."""
    if not isinstance(schema, dict):
        return "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"None\"'."
    kind = schema.get("type")
    if kind != "object" and "$ref" not in schema:
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
    return ""


def strict(schema: dict[str, Any]) -> str:
    """What strict mode refuses in the schema, or nothing."""
    return next(_faults(schema, ()), "")


def _faults(schema: Any, context: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    here = f"In context={context!r}"
    for word in _UNSUPPORTED:
        if word in schema:
            yield f"{here}, '{word}' is not permitted."
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties") or {}
        if schema.get("additionalProperties") is not False:
            yield f"{here}, 'additionalProperties' is required to be supplied and to be false."
        missing = [name for name in properties if name not in (schema.get("required") or ())]
        if missing:
            yield (
                f"{here}, 'required' is required to be supplied and to be an array including every key in "
                f"properties. Missing '{missing[0]}'."
            )
        for name, value in properties.items():
            yield from _faults(value, (*context, "properties", name))
    if schema.get("type") == "array" and "items" not in schema:
        yield f"{here}, array schema missing items."
    yield from _faults(schema.get("items"), (*context, "items"))
    for place, choice in enumerate(schema.get("anyOf") or ()):
        yield from _faults(choice, (*context, "anyOf", str(place)))
    for word in ("$defs", "definitions"):
        for name, value in (schema.get(word) or {}).items():
            yield from _faults(value, (*context, word, name))
