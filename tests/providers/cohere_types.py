"""What Cohere's own SDK could have sent: the annotations of its methods, and no field beyond them."""

import typing
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from cohere.v2.client import V2Client
from pydantic import BaseModel, TypeAdapter


def strange(method: str, body: dict[str, Any]) -> list[str]:
    """Hold a body to a method's types; return the paths of what they have no name for.

    Raises `pydantic.ValidationError` for a value of another type.
    """
    known = _annotations(getattr(V2Client, method))
    found = [name for name in body if name not in known and name != "stream"]
    for name in body.keys() & known.keys():
        found += _unnamed(_adapter(method, name).validate_python(body[name]), name)
    return found


@cache
def _annotations(function: Callable[..., Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(function, include_extras=True)
    return {
        name: hint for name, hint in hints.items() if name not in {"return", "request_options", "batching"}
    }


@cache
def _adapter(method: str, name: str) -> TypeAdapter[Any]:
    return TypeAdapter(_annotations(getattr(V2Client, method))[name])


def _unnamed(value: Any, path: str) -> Iterator[str]:
    """The models take fields they do not know, and keep them apart."""
    if isinstance(value, BaseModel):
        yield from (f"{path}.{name}" for name in value.model_extra or {})
        for name in value.model_fields_set - set(value.model_extra or {}):
            yield from _unnamed(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _unnamed(item, f"{path}[{place}]")
