"""The requests that adapters are tried on leave no field of the unified model out."""

import typing
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from integration_api.core.llm import LlmRequest
from integration_api.core.models import Capabilities
from tests.providers.unified import requests

ELSEWHERE = {
    (LlmRequest, "extras"),
    (LlmRequest, "known"),
    *((Capabilities, field.name) for field in msgspec.structs.fields(Capabilities)),
}
"""Options of one provider's own, which are tried on each of them in `test_options`; and what no caller says but
the catalogue, in `test_known`."""


def structs(annotation: Any, found: set[type]) -> set[type]:
    """Every struct that a value of this type may be made of."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        if annotation not in found:
            found.add(annotation)
            for inner in typing.get_type_hints(annotation).values():
                structs(inner, found)
    for inner in typing.get_args(annotation):
        structs(inner, found)
    return found


def said(value: Any) -> Iterator[tuple[type, str]]:
    """Every field that says anything but its default."""
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(type(value)):
            inner = getattr(value, field.name)
            unsaid = field.default
            if field.default_factory is not msgspec.NODEFAULT:
                unsaid = field.default_factory()
            if inner != unsaid:
                yield type(value), field.name
            yield from said(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from said(inner)
    elif isinstance(value, Mapping):
        yield from said(tuple(value.values()))


def test_every_field_is_asked_for_somewhere() -> None:
    every = {
        (kind, field.name) for kind in structs(LlmRequest, set()) for field in msgspec.structs.fields(kind)
    }
    assert len(every) > 100
    told = {one for _, request in requests("any") for one in said(request)}
    assert every - told == ELSEWHERE
