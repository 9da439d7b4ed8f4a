"""Anthropic's checks of single values, in the words of its validator."""

import binascii
from base64 import b64decode
from typing import Any

from lab.anthropic.client import refuse
from lab.http import Call


def known(call: Call, value: dict[str, Any], allowed: frozenset[str], where: str = "") -> None:
    """Every field is one that Anthropic knows."""
    for name in value:
        if name not in allowed:
            refuse(call, f"{where}{'.' if where else ''}{name}: Extra inputs are not permitted")


def required(call: Call, value: dict[str, Any], name: str, where: str = "") -> Any:
    """The field's value, which has to be there."""
    if name not in value:
        refuse(call, f"{where}{'.' if where else ''}{name}: Field required")
    return value[name]


def text(call: Call, value: Any, where: str) -> str:
    """The value is a string."""
    if not isinstance(value, str):
        refuse(call, f"{where}: Input should be a valid string")
    return value


def items(call: Call, value: Any, where: str) -> list[Any]:
    """The value is a list."""
    if not isinstance(value, list):
        refuse(call, f"{where}: Input should be a valid list")
    return value


def mapping(call: Call, value: Any, where: str) -> dict[str, Any]:
    """The value is an object."""
    if not isinstance(value, dict):
        refuse(call, f"{where}: Input should be a valid dictionary")
    return value


def whole(call: Call, value: Any, where: str, low: int | None = None) -> int:
    """The value is an integer, not below `low`."""
    if not isinstance(value, int) or isinstance(value, bool):
        refuse(call, f"{where}: Input should be a valid integer")
    if low is not None and value < low:
        refuse(call, f"{where}: Input should be greater than or equal to {low}")
    return value


def number(call: Call, value: Any, low: float, high: float, where: str) -> None:
    """The value is a number in a range."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        refuse(call, f"{where}: Input should be a valid number")
    if not low <= value <= high:
        refuse(call, f"{where}: range: {low}..{high}")


def one_of(call: Call, value: Any, allowed: tuple[str, ...], where: str) -> None:
    """The value is one of those listed."""
    if value not in allowed:
        quoted = [f"'{one}'" for one in allowed]
        listed = f"{', '.join(quoted[:-1])} or {quoted[-1]}" if len(quoted) > 1 else quoted[0]
        refuse(call, f"{where}: Input should be {listed}")


def base64(call: Call, value: Any, where: str) -> bytes:
    """The bytes of a base64 value."""
    try:
        return b64decode(text(call, value, where), validate=True)
    except (binascii.Error, ValueError):
        refuse(call, f"{where}: Invalid base64 data")
