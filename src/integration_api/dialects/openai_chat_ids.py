"""Names and ids that a provider's alphabet cannot spell, spelled anew and always the same way.

Both maps are one-to-one within a request, so that every id still finds its call.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
NOT_NAME = re.compile(r"[^A-Za-z0-9_-]")
MOST_NAME = 64


@dataclass(frozen=True, slots=True)
class IdForm:
    """The tool call ids a provider takes, and how to make one of any other."""

    pattern: re.Pattern[str]
    prefix: str
    length: int
    """Characters after the prefix."""


def map_ids(ids: Iterable[str], form: IdForm) -> Mapping[str, str]:
    """Return a new spelling for each of `ids` that `form` does not take, and nothing for the others."""
    every = dict.fromkeys(ids)
    foreign = [id for id in every if not form.pattern.fullmatch(id)]
    if not foreign:
        return {}
    taken = every.keys() - set(foreign)
    spelled: dict[str, str] = {}
    for id in foreign:
        spelled[id] = _free(id, taken, form.prefix, form.length)
        taken.add(spelled[id])
    return spelled


def map_names(names: Iterable[str]) -> Mapping[str, str]:
    """Return a new spelling for each tool name outside `[A-Za-z0-9_-]{1,64}`."""
    every = dict.fromkeys(names)
    foreign = [name for name in every if not NAME.fullmatch(name)]
    if not foreign:
        return {}
    taken = every.keys() - set(foreign)
    spelled: dict[str, str] = {}
    for name in foreign:
        plain = NOT_NAME.sub("_", name)[:MOST_NAME]
        if not plain or plain in taken:
            plain = _free(name, taken, plain[: MOST_NAME - 9] + "_", 8)
        spelled[name] = plain
        taken.add(plain)
    return spelled


def _free(seed: str, taken: set[str], prefix: str, length: int) -> str:
    """Hash `seed` until nobody has that spelling, which is nearly always at once."""
    found = prefix + digest(seed, length)
    while found in taken:
        seed += "+"
        found = prefix + digest(seed, length)
    return found


def digest(text: str, length: int) -> str:
    """Return the first `length` base-62 digits of a hash of `text`."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(digits)
