"""Parameters as the platform's services send them: any protobuf wrapper, and texts for everything.

Go services send `Value`, mostly with text even for numbers; the Python ones `StringValue` for all, or
a wrapper of the value's own type. All of them mean the same here.
https://protobuf.dev/reference/protobuf/google.protobuf/
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from google.protobuf import json_format, struct_pb2, wrappers_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message

from integration_api.core.errors import Failure, Kind
from integration_api.core.json import Json, decode_any, encode_text

PREFIX = "model."
ELSEWHERE = ("rapida.", "connection.")
"""Keys that say nothing to a model."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def _wrapper(kind: type[Any]) -> Callable[[bytes], Json]:
    return lambda value: kind.FromString(value).value


def _structured(kind: type[Message]) -> Callable[[bytes], Json]:
    return lambda value: json_format.MessageToDict(kind.FromString(value))


_KINDS: Mapping[str, Callable[[bytes], Json]] = {
    "google.protobuf.Value": _structured(struct_pb2.Value),
    "google.protobuf.Struct": _structured(struct_pb2.Struct),
    "google.protobuf.ListValue": _structured(struct_pb2.ListValue),
    "google.protobuf.StringValue": _wrapper(wrappers_pb2.StringValue),
    "google.protobuf.DoubleValue": _wrapper(wrappers_pb2.DoubleValue),
    "google.protobuf.FloatValue": lambda value: _shortest(wrappers_pb2.FloatValue.FromString(value).value),
    "google.protobuf.Int64Value": _wrapper(wrappers_pb2.Int64Value),
    "google.protobuf.UInt64Value": _wrapper(wrappers_pb2.UInt64Value),
    "google.protobuf.Int32Value": _wrapper(wrappers_pb2.Int32Value),
    "google.protobuf.UInt32Value": _wrapper(wrappers_pb2.UInt32Value),
    "google.protobuf.BoolValue": _wrapper(wrappers_pb2.BoolValue),
    "google.protobuf.BytesValue": lambda value: wrappers_pb2.BytesValue.FromString(value).value.decode(),
}


def read_any(value: AnyMessage, param: str) -> Json:
    """Return what a packed value says. Raises `Failure(INVALID_REQUEST)`."""
    kind = _KINDS.get(value.type_url.rpartition("/")[2])
    if kind is None:
        raise invalid(
            f"expected one of {', '.join(name.rpartition('.')[2] for name in _KINDS)} of google.protobuf",
            param,
        )
    try:
        return kind(value.value)
    except (DecodeError, json_format.Error, ValueError, RecursionError):
        raise invalid("the packed value can not be read", param) from None


class Parameters:
    """A call's parameters, taken one by one; what is left at the end was not understood.

    A key may begin with `model.`; of one given both ways that one counts. An empty text or null is
    a parameter that was not given.
    """

    def __init__(self, given: Mapping[str, AnyMessage]) -> None:
        self._left: dict[str, tuple[str, Json]] = {}
        for key in sorted(given, key=lambda key: (not key.startswith(PREFIX), key)):
            if key.startswith(ELSEWHERE):
                continue
            value = read_any(given[key], key)
            if value is not None and value != "":
                self._left.setdefault(key.removeprefix(PREFIX), (key, value))

    def take(self, *names: str) -> tuple[str, Json]:
        """Return key and value of the first of `names` that was given, and forget the others."""
        found: tuple[str, Json] = (names[0], None)
        for name in reversed(names):
            if name in self._left:
                found = self._left.pop(name)
        return found

    def text(self, *names: str) -> str | None:
        key, value = self.take(*names)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, dict | list):
            raise invalid("expected text", key)
        return encode_text(_whole(value))

    def number(self, *names: str) -> float | None:
        key, value = self.take(*names)
        return None if value is None else _number(value, key)

    def integer(self, *names: str) -> int | None:
        key, value = self.take(*names)
        return _integer(value, key)

    def count(self, *names: str) -> int | None:
        """Return a whole number of 1 or more."""
        key, value = self.take(*names)
        number = _integer(value, key)
        if number is not None and number < 1:
            raise invalid("expected 1 or more", key)
        return number

    def flag(self, *names: str) -> bool | None:
        key, value = self.take(*names)
        if value is None or isinstance(value, bool):
            return value
        found = _FLAGS.get(value.strip().lower() if isinstance(value, str) else encode_text(_whole(value)))
        if found is None:
            raise invalid("expected true or false", key)
        return found

    def words(self, *names: str) -> tuple[str, ...]:
        """Return a list of texts: a list, a JSON array, or texts between commas."""
        key, value = self.take(*names)
        if value is None:
            return ()
        if isinstance(value, str):
            listed = _json(value) if value.lstrip().startswith("[") else None
            value = listed if isinstance(listed, list) else _between_commas(value)
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise invalid("expected a list of texts", key)
        return tuple(value)

    def json(self, *names: str) -> tuple[str, Json]:
        """Return key and value; a text that is JSON says what it says."""
        key, value = self.take(*names)
        return key, _json(value) if isinstance(value, str) else value

    def object(self, *names: str) -> Mapping[str, Json] | None:
        key, value = self.json(*names)
        if value is not None and not isinstance(value, dict):
            raise invalid("expected a JSON object", key)
        return value

    def rest(self, wanted: Iterable[str]) -> tuple[dict[str, Json], list[str]]:
        """Return what is left: what is `wanted` by name, and the keys of the rest."""
        known = set(wanted)
        extras, unknown = {}, []
        for name, (key, value) in sorted(self._left.items()):
            if name in known:
                extras[name] = _json(value) if isinstance(value, str) else _whole(value)
            else:
                unknown.append(key)
        self._left.clear()
        return extras, unknown


def invalid(message: str, param: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"{param}: {message}", code="invalid_value", param=param)


def _json(text: str) -> Json:
    """Return what a text says in JSON, or the text."""
    try:
        return decode_any(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _number(value: Json, key: str) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise invalid("expected a number", key)
    return float(value)


def _integer(value: Json, key: str) -> int | None:
    if value is None:
        return None
    number = value if type(value) is int else _number(value, key)
    if number != int(number):
        raise invalid("expected a whole number", key)
    return int(number)


def _whole(value: Json) -> Json:
    """Return a whole number as an integer: `Value` knows only floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _shortest(value: float) -> float:
    """Return the number that was meant by a float of 32 bits: 0.7, not 0.699999988."""
    return float(f"{value:.7g}")


def _between_commas(text: str) -> list[str]:
    """Part texts at commas; spaces around one go, unless it is nothing else."""
    return [word.strip() or word for word in text.split(",") if word]
