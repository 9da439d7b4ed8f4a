"""What Cohere's models do, by family. https://docs.cohere.com/docs/models

A family is found by its whole name, never by a prefix of somebody else's. A model newer than
this table is like the newest in it; fine-tuned models, whose names are ids, get no rule.
"""

import re
from functools import lru_cache

from msgspec import Struct


class Rules(Struct, frozen=True):
    """What one model will not take."""

    reasons: bool = True
    """Whether it thinks, and so may be told how much, and takes thoughts back."""


PLAIN = Rules(reasons=False)
ANY = Rules()

FAMILIES: tuple[tuple[re.Pattern[str], Rules], ...] = (
    (re.compile(r"command(-(light|nightly|light-nightly|r|r-plus|r7b)(-.*)?)?"), PLAIN),
    (re.compile(r"command-a-03-2025|command-a-(vision|translate)-.*"), PLAIN),
    (re.compile(r"(c4ai|tiny)-aya-.*"), PLAIN),
)


@lru_cache(maxsize=512)
def rules(model: str) -> Rules:
    """Return what `model` will not take."""
    return next((rules for pattern, rules in FAMILIES if pattern.fullmatch(model)), ANY)
