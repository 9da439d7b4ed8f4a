"""JSON as Google's services read it: into messages, strictly, names in either spelling (protobuf.dev/programming-guides/json)."""

import binascii
import re
from base64 import urlsafe_b64decode
from typing import Any

from lab.gemini.client import refuse
from lab.gemini.fields import ENUMS, MESSAGES, ONLY
from lab.http import Call, encode

_SNAKE = re.compile(r"_([a-z])")
_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")
_INTEGERS = {"int32": 2**31, "int64": 2**63}
_SHOWN = 100  # characters of a wrong value that a refusal repeats


def parse(call: Call, value: Any, kind: str, host: str) -> dict[str, Any]:
    """A request's message, its names in camel case. Raises `Refused`."""
    found: dict[str, Any] = _Parser(call, host).message(value, kind, "")
    return found


def snake(name: str) -> str:
    """A name as Google's refusals spell it."""
    return _CAMEL.sub(lambda hit: f"_{hit[1].lower()}", name)


class _Parser:
    def __init__(self, call: Call, host: str) -> None:
        self.call = call
        self.host = host

    def message(self, value: Any, kind: str, place: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.wrong(f"type.googleapis.com/google.ai.{kind}", value, place)
        fields = MESSAGES[kind]
        found: dict[str, Any] = {}
        for given, one in value.items():
            name = _SNAKE.sub(lambda hit: hit[1].upper(), given)
            here = f"{place}.{snake(name)}".lstrip(".")
            if name not in fields or ONLY.get((kind, name), self.host) != self.host:
                self.unknown(given, place)
            if name in found:
                self.refuse(f"Invalid JSON payload received. {here}: duplicate field.", place)
            if one is not None:
                found[name] = self.value(one, fields[name], here)
        return found

    def value(self, value: Any, kind: str, place: str) -> Any:
        if kind.startswith("["):
            items = value if isinstance(value, list) else [value]  # one is taken for a list of it
            return [self.value(one, kind[1:-1], f"{place}[{at}]") for at, one in enumerate(items)]
        if kind.startswith("{"):
            if not isinstance(value, dict):
                self.wrong("Map", value, place)
            return {key: self.value(one, kind[1:-1], f"{place}[{key!r}]") for key, one in value.items()}
        if kind in MESSAGES:
            return self.message(value, kind, place)
        if kind in ENUMS:
            if not isinstance(value, str) or value.upper() not in ENUMS[kind]:
                self.wrong(f"type.googleapis.com/google.ai.{kind}", value, place)
            return value.upper()
        return self.scalar(value, kind, place)

    def scalar(self, value: Any, kind: str, place: str) -> Any:
        match kind:
            case "Struct":
                fits = isinstance(value, dict)
            case "Value":
                fits = True
            case "string":
                fits = isinstance(value, str)
            case "bool":
                fits = isinstance(value, bool)
            case "bytes":
                fits = isinstance(value, str) and decoded(value) is not None
            case "float" | "double":
                fits = isinstance(value, int | float) and not isinstance(value, bool)
            case _:
                most = _INTEGERS[kind]
                whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
                fits = whole and not isinstance(value, bool) and -most <= value < most
        if not fits:
            named = (
                "type.googleapis.com/google.protobuf.Struct" if kind == "Struct" else f"TYPE_{kind.upper()}"
            )
            self.wrong(named, value, place)
        return value

    def wrong(self, kind: str, value: Any, place: str) -> None:
        shown = encode(value).decode()[:_SHOWN]
        if kind == "TYPE_BYTES":
            self.refuse(f"Invalid value at '{place}' ({kind}), Base64 decoding failed for {shown}", place)
        self.refuse(f"Invalid value at '{place}' ({kind}), {shown}", place)

    def unknown(self, name: str, place: str) -> None:
        where = f" at '{place}'" if place else ""
        self.refuse(f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.', place)

    def refuse(self, message: str, place: str) -> None:
        violation = {"field": place, "description": message} if place else {"description": message}
        details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}]
        refuse(self.call, message, details=details)


def decoded(text: str) -> bytes | None:
    """What base64 in either alphabet holds; None where it is none."""
    plain = text.replace("+", "-").replace("/", "_").rstrip("=")
    if re.fullmatch(r"[\w-]*", plain, re.ASCII) is None or len(plain) % 4 == 1:
        return None
    try:
        return urlsafe_b64decode(plain + "=" * (-len(plain) % 4))
    except binascii.Error:
        return None
