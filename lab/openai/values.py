"""OpenAI's checks of single values, and its words when they fail."""

import re
from typing import Any

from lab.http import Call
from lab.openai.client import described, refuse

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
NAME_LIMIT = 64


def known(call: Call, value: dict[str, Any], allowed: frozenset[str], where: str = "") -> None:
    """Every field is one that OpenAI knows."""
    for name in value.keys() - allowed:
        path = f"{where}.{name}" if where else name
        refuse(call, f"Unknown parameter: '{path}'.", param=path, code="unknown_parameter")


def required(call: Call, value: dict[str, Any], name: str, where: str = "") -> Any:
    """The field's value, which has to be there."""
    path = f"{where}.{name}" if where else name
    if value.get(name) is None:
        message = f"Missing required parameter: '{path}'."
        refuse(call, message, param=path, code="missing_required_parameter")
    return value[name]


def typed(call: Call, value: Any, kind: type | tuple[type, ...], words: str, where: str) -> None:
    """The value is of a type; a boolean is no number."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        message = f"Invalid type for '{where}': expected {words}, but got {described(value)} instead."
        refuse(call, message, param=where, code="invalid_type")


def one_of(call: Call, value: Any, allowed: tuple[str, ...], where: str) -> None:
    """The value is one of those OpenAI lists."""
    if value not in allowed:
        quoted = [f"'{one}'" for one in allowed]
        listed = ", ".join(quoted[:-1]) + f", and {quoted[-1]}" if len(quoted) > 1 else quoted[0]
        refuse(
            call,
            f"Invalid value: '{value}'. Supported values are: {listed}.",
            param=where,
            code="invalid_value",
        )


def between(call: Call, value: Any, low: float, high: float | None, where: str, *, whole: bool) -> None:
    """The number lies in a range."""
    typed(
        call,
        value,
        int if whole else (int, float),
        "an integer" if whole else "a decimal",
        where,
    )
    kind = "integer" if whole else "decimal"
    if value < low:
        message = f"Invalid '{where}': {kind} below minimum value. Expected a value >= {low}, but got {value} instead."
        refuse(call, message, param=where, code=f"{kind}_below_min_value")
    if high is not None and value > high:
        message = f"Invalid '{where}': {kind} above maximum value. Expected a value <= {high}, but got {value} instead."
        refuse(call, message, param=where, code=f"{kind}_above_max_value")


def filled(call: Call, value: Any, limit: int, where: str) -> None:
    """The array has at least one item and at most `limit`."""
    typed(call, value, list, "an array", where)
    if not value:
        message = (
            f"Invalid '{where}': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead."
        )
        refuse(call, message, param=where, code="empty_array")
    if len(value) > limit:
        message = (
            f"Invalid '{where}': array too long. Expected an array with maximum length {limit}, "
            f"but got an array with length {len(value)} instead."
        )
        refuse(call, message, param=where, code="array_above_max_length")


def short(call: Call, value: Any, limit: int, where: str) -> None:
    """The string is not too long."""
    typed(call, value, str, "a string", where)
    if len(value) > limit:
        message = (
            f"Invalid '{where}': string too long. Expected a string with maximum length {limit}, "
            f"but got a string with length {len(value)} instead."
        )
        refuse(call, message, param=where, code="string_above_max_length")


def named(call: Call, value: Any, where: str) -> None:
    """The string is a name as tools and schemas have it."""
    short(call, value, NAME_LIMIT, where)
    if not _NAME.fullmatch(value):
        message = (
            f"Invalid '{where}': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'."
        )
        refuse(call, message, param=where, code="invalid_value")
