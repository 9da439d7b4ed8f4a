"""What each of Mistral's models allows, by its family."""

import re
from dataclasses import dataclass
from functools import lru_cache

_CHAT = re.compile(
    r"(mistral-(tiny|small|medium|large|saba)|ministral-|magistral-|codestral-|devstral-|pixtral-|voxtral-"
    r"|open-mi[sx]tral|labs-|ft:).*"
)
_SWITCHED = re.compile(r"mistral-small-(latest|2603|26\d\d)|mistral-medium-(latest|3.*|25\d\d|26\d\d)")
EMBEDDING = {"mistral-embed": (1024, 1024), "codestral-embed": (1536, 3072)}
MODERATION = ("mistral-moderation-latest", "mistral-moderation-2411", "mistral-moderation-2603")
LISTED = (
    "codestral-latest",
    "devstral-medium-latest",
    "magistral-medium-latest",
    "magistral-small-latest",
    "ministral-8b-latest",
    "mistral-large-latest",
    "mistral-medium-latest",
    "mistral-small-latest",
    "pixtral-large-latest",
    "voxtral-small-latest",
)


@dataclass(frozen=True, slots=True)
class Traits:
    """A model's rules: whether it always reasons, and which efforts it takes."""

    known: bool = True
    chat: bool = True
    reasons: bool = False
    efforts: tuple[str, ...] = ()
    window: int = 131_072


@lru_cache(1024)
def traits(model: str) -> Traits:
    """The rules of a model. A name without a model in it (only directives) is an ordinary chat model."""
    if not model:
        return Traits()
    name = model.removesuffix("-latest") if model.startswith(tuple(EMBEDDING)) else model
    if name in EMBEDDING or model in MODERATION:
        return Traits(chat=False)
    if not _CHAT.fullmatch(model):
        return Traits(known=False)
    if model.startswith("magistral-"):
        return Traits(reasons=True, efforts=("none", "high"))
    return Traits(efforts=("none", "high") if _SWITCHED.fullmatch(model) else ())
