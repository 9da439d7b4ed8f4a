"""Makes up a small valid instance of a JSON Schema, the same one every time."""

from typing import Any

_FULL_DEPTH = 3  # below this, only what is required: recursive schemas have to end
_GIVE_UP = 24  # a schema that requires itself has no instance
_BY_FORMAT = {
    "date": "2026-11-02",
    "date-time": "2026-11-02T09:30:00Z",
    "time": "09:30:00",
    "duration": "PT5M",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "6f1c2d3e-4b5a-4c6d-8e7f-901234567890",
    "binary": "bGFi",
}
_BY_NAME = {
    "city": "Kyiv",
    "location": "Kyiv",
    "country": "Ukraine",
    "name": "Ada",
    "unit": "celsius",
    "language": "en",
    "email": "ada@example.com",
    "url": "https://example.com/",
    "date": "2026-11-02",
}
_BY_PATTERN = {
    r"^\d+$": "42",
    r"^[0-9]+$": "42",
    r"^[a-z]+$": "lab",
    r"^[A-Z]{2}$": "UA",
    r"^\d{5}$": "01001",
}


def instance(schema: Any, name: str = "value") -> Any:
    """A value the schema accepts; strings follow their property's name."""
    root = schema if isinstance(schema, dict) else {}
    return _make(root, root, name, 0)


def _make(schema: Any, root: dict[str, Any], name: str, depth: int) -> Any:
    if not isinstance(schema, dict):
        return "anything"
    schema = _flat(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if "default" in schema and depth:
        return schema["default"]
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        rest = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
        return _make({**rest, **_flat(_pick(choices, depth), root)}, root, name, depth)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = "null" if depth > _FULL_DEPTH and "null" in kind else kind[0]
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    if depth > _GIVE_UP:
        return None
    if kind == "object":
        return _object(schema, root, depth)
    if kind == "array":
        return _array(schema, root, name, depth)
    return _scalar(kind, schema, name)


def _flat(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The schema with its reference followed and its `allOf` merged in."""
    hops = 0
    while isinstance(schema.get("$ref"), str) and hops < _GIVE_UP:
        target: Any = root
        for part in schema["$ref"].removeprefix("#").strip("/").split("/"):
            if part:
                target = target.get(part, {}) if isinstance(target, dict) else {}
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
        hops += 1
    if "allOf" in schema:
        merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            flat = _flat(part, root)
            properties = {**merged.get("properties", {}), **flat.get("properties", {})}
            required = [*merged.get("required", []), *flat.get("required", [])]
            merged = {**flat, **merged}
            if properties:
                merged["properties"] = properties
            if required:
                merged["required"] = required
        return merged
    return schema


def _pick(choices: list[Any], depth: int) -> dict[str, Any]:
    nothing = next((one for one in choices if isinstance(one, dict) and one.get("type") == "null"), None)
    if depth > _FULL_DEPTH and nothing is not None:
        return dict(nothing)
    first = next((one for one in choices if one is not nothing), nothing)
    return first if isinstance(first, dict) else {}


def _object(schema: dict[str, Any], root: dict[str, Any], depth: int) -> dict[str, Any]:
    required = set(schema.get("required") or ())
    return {
        key: _make(value, root, key, depth + 1)
        for key, value in (schema.get("properties") or {}).items()
        if key in required or depth < _FULL_DEPTH
    }


def _array(schema: dict[str, Any], root: dict[str, Any], name: str, depth: int) -> list[Any]:
    tuple_items = schema.get("prefixItems")
    if tuple_items:
        return [_make(item, root, name, depth + 1) for item in tuple_items]
    least = schema.get("minItems", 0)
    count = least if depth > _FULL_DEPTH else max(least, min(2, schema.get("maxItems", 2)))
    singular = name.removesuffix("s") or name
    items = [_make(schema.get("items", {"type": "string"}), root, singular, depth + 1) for _ in range(count)]
    if schema.get("uniqueItems"):
        items = items[: max(least, 1)] if least < 2 else _told_apart(items)
    return items


def _told_apart(items: list[Any]) -> list[Any]:
    return [
        f"{item} {place}" if isinstance(item, str) else item + place if isinstance(item, int) else item
        for place, item in enumerate(items)
    ]


def _scalar(kind: str, schema: dict[str, Any], name: str) -> Any:
    if kind == "null":
        return None
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        return _number(kind, schema)
    text = _BY_FORMAT.get(schema.get("format", "")) or _BY_PATTERN.get(schema.get("pattern", ""))
    text = text or _BY_NAME.get(name) or f"example {name}"
    text = text.ljust(schema.get("minLength", 0), ".")
    return text[: schema["maxLength"]] if "maxLength" in schema else text


def _number(kind: str, schema: dict[str, Any]) -> int | float:
    step = schema.get("multipleOf", 1)
    low = schema.get("minimum")
    if low is None and "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + (1 if kind == "integer" else step / 2)
    high = schema.get("maximum")
    if high is None and "exclusiveMaximum" in schema:
        high = schema["exclusiveMaximum"] - (1 if kind == "integer" else step / 2)
    value = 7 if low is None else max(low, 7)
    if high is not None and value > high:
        value = high if low is None else low
    if "multipleOf" in schema:
        value = -(-value // step) * step
    return int(value) if kind == "integer" else value
