"""Shapes of JSON as AWS's services check them before they look at what is meant, and what they say
(smithy.io/2.0/spec/constraint-traits.html).
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from lab.bedrock.client import exception, refuse
from lab.http import Call, Refused

_SHOWN = 64  # characters of a wrong value that are shown


class Misread(Exception):
    """A value is not of the type that the service reads there."""


class Shape(Protocol):
    """Something a value can be; `faults` says in AWS's words what is wrong with it."""

    def faults(self, value: Any, where: str) -> Iterator[str]: ...


@dataclass(frozen=True, slots=True)
class Structure:
    """An object of known members. AWS would pass over others in silence; the lab says that they are lost."""

    members: dict[str, Shape]
    required: tuple[str, ...] = ()

    def faults(self, value: Any, where: str) -> Iterator[str]:
        given = _typed(value, dict, where)
        for name in self.required:
            if given.get(name) is None:
                yield _failed(None, f"{where}.{name}", "not be null")
        for name, one in given.items():
            if name not in self.members:
                yield f"'{_at(f'{where}.{name}')}' is not a member of the request"
            elif one is not None:
                yield from self.members[name].faults(one, f"{where}.{name}")


@dataclass(frozen=True, slots=True)
class Union:
    """An object with exactly one of these members."""

    members: dict[str, Shape]

    def faults(self, value: Any, where: str) -> Iterator[str]:
        given = {name: one for name, one in _typed(value, dict, where).items() if one is not None}
        if len(given) != 1 or not given.keys() <= self.members.keys():
            listed = ", ".join(self.members)
            yield f"Invalid parameter at '{_at(where)}': exactly one of {listed} must be set"
            return
        for name, one in given.items():
            yield from self.members[name].faults(one, f"{where}.{name}")


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    of: Shape
    least: int = 0
    most: int | None = None

    def faults(self, value: Any, where: str) -> Iterator[str]:
        given = _typed(value, list, where)
        yield from _sized(given, len(given), where, self.least, self.most)
        for place, one in enumerate(given, 1):
            yield from self.of.faults(one, f"{where}.{place}.member")


@dataclass(frozen=True, slots=True)
class Table:
    """An object of unknown members."""

    key: Shape
    of: Shape
    least: int = 0
    most: int | None = None

    def faults(self, value: Any, where: str) -> Iterator[str]:
        given = _typed(value, dict, where)
        yield from _sized(given, len(given), where, self.least, self.most)
        for name, one in given.items():
            yield from self.key.faults(name, f"{where}.key")
            yield from self.of.faults(one, f"{where}.{name}.member")


@dataclass(frozen=True, slots=True)
class Text:
    """A string."""

    least: int = 0
    most: int | None = None
    form: str = ""
    choices: tuple[str, ...] = ()

    def faults(self, value: Any, where: str) -> Iterator[str]:
        given = _typed(value, str, where)
        yield from _sized(given, len(given), where, self.least, self.most)
        if self.choices and given not in self.choices:
            yield _failed(given, where, f"satisfy enum value set: [{', '.join(self.choices)}]")
        if self.form and given and not re.fullmatch(self.form, given, re.ASCII):
            yield _failed(given, where, f"satisfy regular expression pattern: {self.form}")


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a range."""

    low: float | None = None
    high: float | None = None
    whole: bool = False

    def faults(self, value: Any, where: str) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            raise Misread(where)
        if self.low is not None and value < self.low:
            yield _failed(value, where, f"have value greater than or equal to {self.low:g}")
        if self.high is not None and value > self.high:
            yield _failed(value, where, f"have value less than or equal to {self.high:g}")


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def faults(self, value: Any, where: str) -> Iterator[str]:
        _typed(value, bool, where)
        yield from ()


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes in base64."""

    def faults(self, value: Any, where: str) -> Iterator[str]:
        try:
            raw = b64decode(_typed(value, str, where), validate=True)
        except (binascii.Error, ValueError):
            raise Misread(where) from None
        yield from _sized("blob", len(raw), where, 1, None)


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON, or any of some types."""

    types: tuple[type, ...] = field(default=(object,))

    def faults(self, value: Any, where: str) -> Iterator[str]:
        if not isinstance(value, self.types):
            raise Misread(where)
        yield from ()


def check(call: Call, body: dict[str, Any], shape: Structure) -> None:
    """Raises `Refused` when a body does not have its shape, for all its faults at once."""
    try:
        found = list(shape.faults(body, ""))
    except Misread as misread:
        words = f"Unexpected type at {_at(str(misread))}"
        raise Refused(exception(call, 400, "SerializationException", words)) from None
    if found:
        count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected"
        refuse(call, f"{count}: {'; '.join(found)}")


def _typed(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, kind):
        raise Misread(where)
    return value


def _sized(value: Any, size: int, where: str, least: int, most: int | None) -> Iterator[str]:
    if size < least:
        yield _failed(value, where, f"have length greater than or equal to {least}")
    if most is not None and size > most:
        yield _failed(value, where, f"have length less than or equal to {most}")


def _failed(value: Any, where: str, rule: str) -> str:
    shown = "null" if value is None else f"'{str(value)[:_SHOWN]}'"
    return f"Value {shown} at '{_at(where)}' failed to satisfy constraint: Member must {rule}"


def _at(where: str) -> str:
    return where.lstrip(".")
